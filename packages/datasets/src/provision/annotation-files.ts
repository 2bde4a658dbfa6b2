import type { Stats } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packedFiles } from '@shield/core';
import { MOST_XML_BYTES } from './bounding-box-xml.js';

/** 544,546 annotations of training images have about 500 MB. */
const MOST_ANNOTATIONS = 3_000_000;
const MOST_UNPACKED = 16e9;
const AT_ONCE = 64;

/** An annotation with the place that it has in errors. */
export interface AnnotationFile {
  readonly path: string;
  readonly place: string;
  readonly xml: string;
}

const isAnnotation = (name: string) => name.endsWith('.xml') && !/(?:^|\/)\./.test(name);

/** Whether a path names annotations in XML: a folder, a file of its own, or an archive of them. */
export async function holdsAnnotations(path: string, status: Stats): Promise<boolean> {
  if (status.isDirectory() || isAnnotation(path)) return true;
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(512);
    await file.read(head, 0, head.length, 0);
    return (head[0] === 0x1f && head[1] === 0x8b) || head.toString('latin1', 257, 262) === 'ustar';
  } finally {
    await file.close();
  }
}

/**
 * Annotations below a folder (`Annotation/n01440764/n01440764_10040.xml`), in an archive of such (`tar`, `tar.gz`), or a
 * single one.
 *
 * @throws ARCHIVE_CORRUPT, or what the system says
 */
export async function* annotationFiles(path: string, status: Stats): AsyncGenerator<AnnotationFile> {
  if (status.isDirectory()) {
    yield* annotationsBelow(path);
  } else if (isAnnotation(path)) {
    yield await annotation(path);
  } else {
    for await (const file of packedFiles(path, isAnnotation, { most: MOST_XML_BYTES, total: MOST_UNPACKED }))
      yield { path: file.path, place: `${path}, ${file.path}`, xml: file.bytes.toString('utf8') };
  }
}

async function* annotationsBelow(folder: string): AsyncGenerator<AnnotationFile> {
  const pending = [folder];
  let count = 0;
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    const entries = await readdir(next, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isFile() && isAnnotation(entry.name)).map(({ name }) => name);
    count += names.length;
    if (count > MOST_ANNOTATIONS) throw new Error(`there are more than ${MOST_ANNOTATIONS} annotations`);
    for (let start = 0; start < names.length; start += AT_ONCE)
      yield* await Promise.all(names.slice(start, start + AT_ONCE).map((name) => annotation(join(next, name))));
    // A link may lead back to where it stands.
    for (const entry of entries) if (entry.isDirectory()) pending.push(join(next, entry.name));
  }
}

async function annotation(path: string): Promise<AnnotationFile> {
  return { path: path.replaceAll('\\', '/'), place: path, xml: await readFile(path, 'utf8') };
}
