import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Dataset, LoadContext } from '../../plugin/contracts.js';
import { defineDataset } from '../../plugin/define.js';
import { Random } from '../../random/random.js';
import { FileDigests } from './file-digests.js';
import { KeptDatasets } from './kept-datasets.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-kept-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let [opened, loaded, changed] = [0, 0, false];
let tells = true;
let signal: AbortSignal | undefined;
const plugin = defineDataset({
  name: 'grey',
  summary: '',
  options: Type.Object({}),
  open: async (_options, context): Promise<Dataset> => {
    opened++;
    signal = context.signal;
    context.warn('slow');
    return Promise.resolve({
      size: 2,
      fingerprint: () => Promise.resolve('grey'),
      ...(tells ? { unchanged: () => !changed } : {}),
      async *items() {
        for (const id of ['a', 'b']) {
          const load = () => {
            loaded++;
            return Promise.resolve({ data: new Uint8Array(3), height: 1, width: 1 });
          };
          yield Promise.resolve({ id, label: 0, path: id, load });
        }
      },
    });
  },
});

let datasets: KeptDatasets;
beforeEach(() => {
  datasets = new KeptDatasets();
  [opened, loaded, changed, tells] = [0, 0, false, true];
});

const told: string[] = [];
const context = (more: Partial<LoadContext> = {}): LoadContext => ({
  assets: { file: () => Promise.reject(new Error()), files: () => Promise.reject(new Error()) },
  resolvePath: (path) => join(folder, path),
  random: (...name) => new Random(0, ...name),
  signal: new AbortController().signal,
  log: () => undefined,
  warn: (message) => void told.push(message),
  opened: () => undefined,
  ...more,
});

/** One cell that looks at every image. */
async function cell(more: Partial<LoadContext> = {}, options = {}): Promise<void> {
  const { value, release } = await datasets.open(plugin, { use: 'grey', ...options }, 0, context(more));
  for await (const item of value.items()) await item.load();
  release(true);
}

describe('KeptDatasets', () => {
  it('opens a data set once for cells that want the same, and decodes its images once', async () => {
    told.length = 0;
    await cell();
    await cell();
    expect([opened, loaded]).toEqual([1, 2]);
    expect(told).toEqual(['slow', 'slow']);
    await cell({}, { limit: 1 });
    expect([opened, loaded]).toEqual([2, 4]);
  });

  it('opens anew one that has changed, and one that cannot tell', async () => {
    await cell();
    changed = true;
    await cell();
    expect([opened, loaded]).toEqual([2, 4]);
    tells = false;
    datasets = new KeptDatasets();
    await cell();
    await cell();
    expect(opened).toBe(4);
  });

  it('the end of the cell that opened it does not stop the next one', async () => {
    const first = new AbortController();
    await cell({ signal: first.signal });
    first.abort();
    await cell();
    expect([opened, signal!.aborted]).toEqual([1, false]);
  });

  it('a cell that is stopped while it opens it stops that', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'));
    const { release } = await datasets.open(plugin, { use: 'grey' }, 0, context({ signal: stopped }));
    expect(signal!.aborted).toBe(true);
    release(false);
    await cell();
    expect([opened, signal!.aborted]).toEqual([2, false]);
  });
});

describe('FileDigests', () => {
  it('computes a sum anew for a file that was written, and has none for one that is not there', async () => {
    const digests = new FileDigests();
    const path = join(folder, 'file');
    const { signal } = new AbortController();
    expect(await digests.of(path, signal)).toBeUndefined();
    writeFileSync(path, 'abc');
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await digests.of(path, signal)).toBe(abc);
    // Known by now: it is not read again, whatever the signal says.
    expect(await digests.of(path, AbortSignal.abort())).toBe(abc);
    writeFileSync(path, 'abd');
    expect(await digests.of(path, AbortSignal.abort())).toBeUndefined();
    expect(await digests.of(path, signal)).not.toBe(abc);
  });
});
