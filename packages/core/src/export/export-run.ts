import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ShieldError, systemCode, writeError } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import { writeNpz } from '../files/npz.js';
import { Artifact } from '../pipeline/artifact-store.js';
import type { ImageResult } from '../pipeline/collect.js';
import type { AttackRow, Prediction } from '../pipeline/rows.js';
import { writeRecords } from '../records/tfrecord-writer.js';
import { readJournal } from '../tracking/journal-reader.js';
import { readPerImage } from '../tracking/results.js';
import type { Run } from '../tracking/runs-folder.js';
import { attackedRecords, defendedRecords, type ImageForm, type OriginalNorms } from './image-files.js';
import { PredictionFiles } from './prediction-files.js';

export interface ExportedFile {
  readonly path: string;
  /** Records or rows. */
  readonly images: number;
}

/** An artifact of images that a run refers to. */
interface NamedArtifact {
  readonly kind: string;
  readonly path: string;
  readonly name: string;
  readonly of: string | undefined;
}

/**
 * Writes what a run found in the original's files, or in this project's: in `folder`, for each attack, `attacked.tfrecord`
 * with its images and `normalized_l2_distance.npz`; for each defense a folder in it, with `preprocessed.tfrecord` where
 * the run left defended images; `accuracy.npz` and `top5_accuracy.npz` everywhere, and in `clean`. What is there is not
 * overwritten.
 *
 * @throws EXPORT_IMPOSSIBLE, WRITE_FAILED, DISK_FULL, ARTIFACT_CORRUPT, RECORD_CORRUPT
 */
export async function exportRun(run: Run, folder: string, form: ImageForm): Promise<readonly ExportedFile[]> {
  if (existsSync(folder)) {
    const reason = `${folder} is there already`;
    throw new ShieldError('EXPORT_IMPOSSIBLE', { what: run.id, reason, expected: '--output names another folder' });
  }
  if (!existsSync(run.files.perImage)) {
    const reason = 'it has no results yet';
    const expected = `shield resume ${run.id} finishes it, if it was stopped`;
    throw new ShieldError('EXPORT_IMPOSSIBLE', { what: run.id, reason, expected });
  }
  const artifacts = await imageArtifacts(run);
  const draft = join(dirname(folder), `.${basename(folder)}.${process.pid}`);
  try {
    const written = await exportAll(run, artifacts, draft, form);
    await rename(draft, folder);
    return written.map((file) => ({ ...file, path: join(folder, relative(draft, file.path)) }));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw /^E[A-Z]+$/.test(systemCode(error) ?? '') ? writeError(error, folder) : error;
  }
}

async function exportAll(
  run: Run,
  artifacts: readonly NamedArtifact[],
  folder: string,
  form: ImageForm,
): Promise<ExportedFile[]> {
  const written: ExportedFile[] = [];
  for (const { kind, path, name, of } of artifacts) {
    if (kind === 'attacked') written.push(...(await exportAttacked(path, join(folder, safe(name)), form)));
    else written.push(...(await exportDefended(path, join(folder, safe(of!), safe(name)), form)));
  }
  written.push(...(await exportPredictions(run, folder, form.offset)));
  return written;
}

async function exportAttacked(path: string, folder: string, form: ImageForm): Promise<ExportedFile[]> {
  await folderFor(folder);
  const norms: OriginalNorms = { original: [], perturbation: [] };
  const images = join(folder, 'attacked.tfrecord');
  const { records } = await writeRecords(images, attackedRecords(artifactAt<AttackRow>(path, 'attacked'), form, norms));
  const distances = join(folder, 'normalized_l2_distance.npz');
  const vector = (values: number[]) => ({ dtype: 'float32', shape: [values.length], values }) as const;
  await writeNpz(distances, {
    original_L2: vector(norms.original),
    perturbation_L2: vector(norms.perturbation),
  });
  return [images, distances].map((each) => ({ path: each, images: records }));
}

async function exportDefended(path: string, folder: string, form: ImageForm): Promise<ExportedFile[]> {
  await folderFor(folder);
  const artifact = artifactAt<{ readonly draw: number }>(path, 'defended');
  const written: ExportedFile[] = [];
  let draws = 0;
  for await (const { rows } of artifact.batches()) for (const row of rows) draws = Math.max(draws, row.draw + 1);
  for (let draw = 0; draw < draws; draw++) {
    const file = join(folder, `preprocessed${suffix(draw)}.tfrecord`);
    const { records } = await writeRecords(file, defendedRecords(artifact, form, draw));
    written.push({ path: file, images: records });
  }
  return written;
}

async function exportPredictions(run: Run, folder: string, offset: number): Promise<ExportedFile[]> {
  /** By folder, and in it by draw. */
  const files = new Map<string, PredictionFiles[]>();
  const counts = new Map<string, number>();
  const add = (place: string, { id, label }: ImageResult, draws: readonly Prediction[]) => {
    const known = files.get(place) ?? [];
    files.set(place, known);
    draws.forEach((prediction, draw) => (known[draw] ??= new PredictionFiles(offset)).add(id, label, prediction));
    counts.set(place, (counts.get(place) ?? 0) + 1);
  };
  for await (const row of readPerImage(run)) {
    const image = row as ImageResult;
    if (image.dropped !== undefined || !image.clean) continue;
    add('clean', image, [image.clean]);
    for (const [name, draws] of Object.entries(image.cleanDefended ?? {})) add(join('clean', safe(name)), image, draws);
    for (const [attack, { float, defended }] of Object.entries(image.attacks ?? {})) {
      add(safe(attack), image, [float]);
      for (const [name, draws] of Object.entries(defended)) add(join(safe(attack), safe(name)), image, draws);
    }
  }
  const written: ExportedFile[] = [];
  for (const [place, draws] of files) {
    await folderFor(join(folder, place));
    for (const [draw, predictions] of draws.entries()) {
      const paths = await predictions.write(join(folder, place), suffix(draw));
      for (const path of paths) written.push({ path, images: counts.get(place)! });
    }
  }
  return written;
}

/** The images that a run left or took up, each once, where they lie now. @throws EXPORT_IMPOSSIBLE where one is gone */
async function imageArtifacts(run: Run): Promise<readonly NamedArtifact[]> {
  const found = new Map<string, NamedArtifact>();
  for await (const entry of readJournal(run.files.journal)) {
    if (entry.type !== 'artifact' || entry.name === undefined) continue;
    const { kind, name, of } = entry;
    if (kind !== 'attacked' && kind !== 'defended') continue;
    // A run that was exported and unpacked elsewhere has its artifacts beside it.
    const path = [join(dirname(run.path), 'artifacts', basename(entry.path)), entry.path].find((one) =>
      existsSync(one),
    );
    if (path === undefined) {
      const reason = `its images ${basename(entry.path)} are gone`;
      const expected = 'run the spec again: they are computed anew';
      throw new ShieldError('EXPORT_IMPOSSIBLE', { what: run.id, reason, expected });
    }
    found.set(`${of ?? ''} ${name}`, { kind, path, name, of });
  }
  return [...found.values()];
}

function artifactAt<Row>(path: string, kind: string): Artifact<Row> {
  return new Artifact<Row>(path, kind, basename(path).slice(kind.length + 1));
}

/** Of the second draw and those behind it. */
function suffix(draw: number): string {
  return draw === 0 ? '' : `-draw${draw + 1}`;
}

/** Names of attacks and defenses are keys of a spec, and may hold what no file name does. */
function safe(name: string): string {
  return name.replace(/[^\w.=@+-]+/g, '_').replace(/^\.+/, '_') || '_';
}

async function folderFor(path: string): Promise<void> {
  await makeFolder(path).catch((error: unknown) => Promise.reject(writeError(error, path)));
}
