import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ShieldError, didYouMean, writeError } from '../errors/index.js';
import type { AssetSource } from '../plugin/contracts.js';
import type { ProgramOptions } from './program.js';

interface Flags {
  readonly name: string | undefined;
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/**
 * `shield weights download NAME [--from FILE] [--to DIR]`: what `weights: pretrained` would fetch, ahead of time, into the cache;
 * prints its path. A download that was cut off goes on where it stopped.
 */
export async function downloadWeightsCommand(options: ProgramOptions, { name, from, to, json }: Flags): Promise<void> {
  const { createShield } = await import('../execution/shield.js');
  const { registry } = createShield({ plugins: await options.plugins() });
  const published = registry
    .list('model')
    .flatMap(({ name, aliases = [], pretrained }) => (pretrained ? [{ name, aliases, source: pretrained }] : []));
  if (name === undefined) {
    const flag = from !== undefined ? '--from' : to !== undefined ? '--to' : undefined;
    if (flag) throw new ShieldError('CLI_USAGE', { reason: `${flag} wants the name of a network before it` });
    const listed = published.map(({ name, source }) => ({ name, source }));
    process.stdout.write(json ? `${JSON.stringify(listed, undefined, 2)}\n` : listing(published));
    return;
  }
  const found = published.find((each) => each.name === name || each.aliases.includes(name));
  if (!found) {
    const known = published.map(({ name }) => name);
    throw new ShieldError('WEIGHTS_NOT_PUBLISHED', { name, known: known.join(', '), hint: didYouMean(name, known) });
  }
  const { AssetCache } = await import('../assets/asset-cache.js');
  const cached = await new AssetCache({ log: (line) => process.stderr.write(`${line}\n`) }).file(found.source, from);
  const path = to === undefined ? cached : await copyInto(to, cached);
  process.stdout.write(json ? `${JSON.stringify({ name: found.name, path }, undefined, 2)}\n` : `${path}\n`);
}

/** The file appears under its name when it is whole. @throws DISK_FULL, WRITE_FAILED */
async function copyInto(folder: string, file: string): Promise<string> {
  const target = join(resolve(folder), basename(file));
  const draft = `${target}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await copyFile(file, draft);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw writeError(error, target);
  }
  return target;
}

function listing(published: readonly { readonly name: string; readonly source: AssetSource }[]): string {
  const width = Math.max(...published.map(({ name }) => name.length));
  const lines = published.map(({ name, source }) => {
    const size = source.bytes === undefined ? '' : ` (${Math.round(source.bytes / 1e6)} MB)`;
    const from = source.kind === 'pypi' ? `${source.distribution}==${source.version}` : source.archive;
    return `${name.padEnd(width)}  ${from}${size}`;
  });
  return `${lines.join('\n')}\n`;
}
