import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../backend/backend.js';
import type { LoadContext, Model } from '../../plugin/contracts.js';
import { defineModel } from '../../plugin/define.js';
import { Random } from '../../random/random.js';
import { KeptNetworks, type NetworkInUse } from './kept-networks.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-kept-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const backend = { name: 'cpu', description: 'plain', threads: 1, gpu: undefined } as Partial<Backend> as Backend;
const plugin = defineModel({
  name: 'net',
  summary: '',
  options: Type.Object({}),
  load: () => Promise.reject(new Error()),
});
const weights = join(folder, 'weights');
const events: string[] = [];
let networks: KeptNetworks;

beforeEach(() => {
  events.length = 0;
  networks = new KeptNetworks();
  writeFileSync(weights, 'first');
});

/** A run that asks for a network, and what it is told. */
function asking(options: object = {}, more: Partial<LoadContext> = {}, seed = 0) {
  const told: string[] = [];
  const context: LoadContext = {
    assets: { file: () => Promise.resolve(weights), files: () => Promise.resolve([weights]) },
    resolvePath: (path) => join(folder, path),
    random: (...name) => new Random(seed, ...name),
    signal: new AbortController().signal,
    log: (message) => void told.push(`log ${message}`),
    warn: (message) => void told.push(`warn ${message}`),
    opened: (path, sha256) => void told.push(`opened ${path} ${sha256}`),
    ...more,
  };
  const wanted = { plugin, use: { use: 'net', ...options }, backend, seed };
  return {
    told,
    open: (load: (context: LoadContext) => Promise<Model> = fromFile) => networks.open(wanted, context, load),
  };
}

let count = 0;
function network(): Model {
  const name = `network ${++count}`;
  events.push('loaded');
  return { weightsDigest: name, dispose: () => void events.push('gone') } as Partial<Model> as Model;
}

const fromFile = async (context: LoadContext) => {
  context.log('reads');
  context.opened(context.resolvePath('weights'), 'abc');
  context.warn('slow');
  return Promise.resolve(network());
};

/** Opened and given back. */
async function used(asked: { open: () => Promise<NetworkInUse> }, sound = true): Promise<Model> {
  const { model, release } = await asked.open();
  release(sound);
  return model;
}

describe('KeptNetworks', () => {
  it('loads a network once for runs that want the same, and tells each of them the same', async () => {
    const [first, second] = [asking(), asking()];
    expect(await used(first)).toBe(await used(second));
    expect(events).toEqual(['loaded']);
    expect(second.told).toEqual(['log reads', `opened ${weights} abc`, 'warn slow']);
    expect(second.told).toEqual(first.told);
  });

  it('loads another one for other options, another backend and another path, and lets go of what nobody uses', async () => {
    await used(asking());
    await used(asking({ size: 2 }));
    expect(events).toEqual(['loaded', 'gone', 'loaded']);
    writeFileSync(join(folder, 'other'), 'first');
    await used(asking({ size: 2 }, { resolvePath: () => join(folder, 'other') }));
    expect(events.filter((event) => event === 'loaded')).toHaveLength(3);
  });

  it.each([
    ['written', () => writeFileSync(weights, 'again')],
    [
      'written with the old time',
      () => {
        const { atime, mtime } = statSync(weights);
        writeFileSync(weights, 'third');
        utimesSync(weights, atime, mtime);
      },
    ],
    [
      'replaced',
      () => {
        writeFileSync(join(folder, 'new'), 'other');
        renameSync(join(folder, 'new'), weights);
      },
    ],
    ['removed', () => rmSync(weights)],
  ])('loads again what comes from a file that was %s', async (_how, change) => {
    const first = await used(asking());
    change();
    expect(await used(asking())).not.toBe(first);
    expect(events).toEqual(['loaded', 'gone', 'loaded']);
  });

  it('does not keep what was loaded from a file that was written meanwhile', async () => {
    const changing = async (context: LoadContext) => {
      const model = await fromFile(context);
      writeFileSync(weights, 'later');
      return model;
    };
    (await asking().open(changing)).release(true);
    expect(events).toEqual(['loaded', 'gone']);
  });

  it('sees that one of the files of a checkpoint, or of a folder, was written', async () => {
    writeFileSync(join(folder, 'model.ckpt.index'), '1');
    writeFileSync(join(folder, 'model.ckpt.data'), '1');
    const load = (context: LoadContext) => {
      context.resolvePath('model.ckpt');
      return Promise.resolve(network());
    };
    const checkpoint = { open: () => asking().open(load) };
    expect(await used(checkpoint)).toBe(await used(checkpoint));
    const before = await used(checkpoint);
    writeFileSync(join(folder, 'model.ckpt.data'), '2');
    expect(await used(checkpoint)).not.toBe(before);
  });

  it('loads again for another seed what was drawn, and only that', async () => {
    const drawing = (context: LoadContext) => {
      context.random('weights');
      return Promise.resolve(network());
    };
    const drawn = (seed: number) => ({ open: () => asking({ fresh: true }, {}, seed).open(drawing) });
    expect(await used(drawn(1))).toBe(await used(drawn(1)));
    expect(await used(drawn(1))).not.toBe(await used(drawn(2)));
    expect(await used(asking({}, {}, 1))).toBe(await used(asking({}, {}, 2)));
  });

  it('never keeps a network that is to be trained, nor gives a kept one to whoever trains', async () => {
    const kept = await used(asking());
    const trained = await used(asking({}, { training: true }));
    expect(trained).not.toBe(kept);
    expect(events).toEqual(['loaded', 'loaded', 'gone']);
    expect(await used(asking())).toBe(kept);
  });

  it('a run that failed leaves its network to nobody, but to those who are at it', async () => {
    const [failing, other] = [await asking().open(), await asking().open()];
    expect(other.model).toBe(failing.model);
    failing.release(false);
    expect(events).toEqual(['loaded']);
    const next = await asking().open();
    expect(next.model).not.toBe(failing.model);
    other.release(true);
    expect(events).toEqual(['loaded', 'loaded', 'gone']);
  });

  it('runs that want it at the same time wait for one load; where that fails, another one loads it', async () => {
    const [failing, ...others] = [asking(), asking(), asking()];
    const fails = failing!.open(() => Promise.reject(new Error('stopped')));
    const opened = others.map((each) => each.open());
    await expect(fails).rejects.toThrow('stopped');
    const [one, two] = await Promise.all(opened);
    expect(one!.model).toBe(two!.model);
    expect(events).toEqual(['loaded']);
  });

  it('lets go of everything when it is closed, of what is in use at the end of that', async () => {
    const inUse = await asking().open();
    await used(asking({ size: 2 }));
    networks.close();
    expect(events).toEqual(['loaded', 'loaded', 'gone']);
    inUse.release(true);
    inUse.release(true);
    expect(events).toEqual(['loaded', 'loaded', 'gone', 'gone']);
    await used(asking());
    expect(events.slice(4)).toEqual(['loaded', 'gone']);
  });

  it('lets go of what nobody has used for a while', async () => {
    vi.useFakeTimers();
    try {
      await used(asking());
      vi.advanceTimersByTime(59_000);
      await used(asking());
      vi.advanceTimersByTime(59_000);
      expect(events).toEqual(['loaded']);
      vi.advanceTimersByTime(2000);
      expect(events).toEqual(['loaded', 'gone']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps nothing for runs that have nothing in common', async () => {
    networks = new KeptNetworks(false);
    expect(await used(asking())).not.toBe(await used(asking()));
    expect(events).toEqual(['loaded', 'gone', 'loaded', 'gone']);
  });
});
