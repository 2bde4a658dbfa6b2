import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readLines, shield, temporaryFolder, withoutTimes, type JsonResult } from './shield.js';

/** A spec of several stages, draws among them, in six batches. */
export const shardedText = (more = '', attack = 'max_iterations: 10') => `name: shards
backend: wasm
batch: 2
model: { use: small_cnn }
dataset: { use: drawn, limit: 11 }
attacks:
  fgsm: { use: fgsm, eps: 16 }
  noise: { use: uniform_noise, eps: 16 }
  cw_l2: { use: cw_l2, ${attack}, search_steps: 1 }
defenses:
  jpeg: { use: jpeg, quality: 40 }
  slq: { use: slq, qualities: [20, 80], patch: 8 }
evaluate: { top: [1], draws: 2 }
execution: { threads: 1, strip: 2 }
${more}`;

/**
 * Every artifact of a folder, with its batches: rows and the digests of images. What they took is each run's own, and so
 * is what a killed process was writing.
 */
export function artifacts(runs: string): Record<string, unknown> {
  const root = join(runs, 'artifacts');
  return Object.fromEntries(
    readdirSync(root)
      .sort()
      .map((name) => [name, Object.fromEntries(filesOf(join(root, name)))]),
  );
}

function filesOf(path: string): [string, unknown][] {
  return readdirSync(path)
    .filter((name) => !name.endsWith('.tmp') && !name.startsWith('.'))
    .sort()
    .map((name) => [name, contents(join(path, name))]);
}

function contents(path: string): unknown {
  if (path.endsWith('.tfrecord')) return createHash('sha256').update(readFileSync(path)).digest('hex');
  const read = readFileSync(path, 'utf8');
  if (!/batch-\d+\.json$/.test(path)) return read;
  const { seconds, ...record } = JSON.parse(read.slice(read.indexOf('\n') + 1)) as { seconds: number };
  expect(seconds).toBeGreaterThanOrEqual(0);
  return record;
}

export const perImage = ({ path }: JsonResult) => readFileSync(join(path, 'per-image.jsonl'), 'utf8');

/** What the journal of a run says of its shards. */
export const shardEvents = ({ path }: Pick<JsonResult, 'path'>) =>
  readLines<{ type: string; shard: number; shards: number; phase: string; worker?: string; error?: { code: string } }>(
    join(path, 'journal.jsonl'),
  ).filter(({ type }) => type === 'shard');

interface Made {
  readonly result: JsonResult;
  readonly artifacts: Record<string, unknown>;
}

/** One process, which runs in shards are held to. */
export class OneProcess {
  /** The file of the spec. */
  readonly spec = join(temporaryFolder(), 'shards.yaml');
  readonly #runs = temporaryFolder();
  #made: Promise<Made> | undefined;

  constructor() {
    writeFileSync(this.spec, shardedText());
  }

  /** Computed when it is first asked for. */
  result(): Promise<Made> {
    return (this.#made ??= this.#make());
  }

  async #make(): Promise<Made> {
    const { code, stdout, stderr } = await shield(['run', this.spec, '--json'], { runs: this.#runs });
    expect(code, stderr).toBe(0);
    return { result: JSON.parse(stdout) as JsonResult, artifacts: artifacts(this.#runs) };
  }

  /** The same artifacts under the same names, byte for byte, the same rows and the same figures. */
  async expectEqual(runs: string, ...results: JsonResult[]): Promise<void> {
    const one = await this.result();
    expect(Object.keys(one.artifacts).length).toBeGreaterThan(8);
    expect(artifacts(runs)).toEqual(one.artifacts);
    for (const result of results) {
      expect(perImage(result)).toBe(perImage(one.result));
      expect(withoutTimes(result.metrics)).toEqual(withoutTimes(one.result.metrics));
    }
  }
}
