import { ShieldError, didYouMean } from '../errors/index.js';
import type { AssetSource } from '../plugin/contracts.js';
import type { ProgramOptions } from './program.js';

interface Flags {
  readonly name: string | undefined;
  readonly from?: string;
  readonly json?: boolean;
}

/**
 * `shield weights download NAME [--from FILE]`: what `weights: pretrained` would fetch, ahead of time, into the cache;
 * prints its path. A download that was cut off goes on where it stopped.
 */
export async function downloadWeightsCommand(options: ProgramOptions, { name, from, json }: Flags): Promise<void> {
  const { createShield } = await import('../execution/shield.js');
  const { registry } = createShield({ plugins: await options.plugins() });
  const published = registry
    .list('model')
    .flatMap(({ name, aliases = [], pretrained }) => (pretrained ? [{ name, aliases, source: pretrained }] : []));
  if (name === undefined) {
    if (from !== undefined) {
      throw new ShieldError('CLI_USAGE', { reason: '--from wants the name of a network before it' });
    }
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
  const path = await new AssetCache({ log: (line) => process.stderr.write(`${line}\n`) }).file(found.source, from);
  process.stdout.write(json ? `${JSON.stringify({ name: found.name, path }, undefined, 2)}\n` : `${path}\n`);
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
