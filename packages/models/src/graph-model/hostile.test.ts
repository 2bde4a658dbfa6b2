import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { Random, ShieldError, openBackend, type Model } from '@shield/core';
import { mutated, MUTATIONS } from '@shield/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import graphModel from '../graph-model.js';
import { testContext } from '../testing/load-context.js';

const FIXTURE = fileURLToPath(new URL('../../fixtures/graph-model', import.meta.url));
const FILES = ['model.json', 'group1-shard1of2.bin', 'group1-shard2of2.bin'];
const OPTIONS = { size: 0, range: [0, 1], mean: [0], std: [1], class_offset: 0, input: '', output: '' };

let folder: string;
beforeAll(async () => {
  await openBackend('cpu', { log: () => undefined, warn: () => undefined });
  folder = await mkdtemp(join(tmpdir(), 'shield-hostile-graph-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The model, or the error, which must be a clear one that names the file. */
async function outcome(): Promise<Model | ShieldError> {
  try {
    return await graphModel.load({ ...OPTIONS, path: folder }, testContext());
  } catch (error) {
    expect(error).toBeInstanceOf(ShieldError);
    const { code, message } = error as ShieldError;
    expect(code).toBe('WEIGHTS_INVALID');
    expect(message).toContain(folder);
    return error as ShieldError;
  }
}

const NASTY: readonly unknown[] = [
  null, true, -1, 0, 2 ** 60, '', '-1', '1152921504606846976', 'constructor', '../../x', '/etc/hostname', [], {}, [[]],
]; // prettier-ignore

/** JSON that parses, with a value somewhere in it that should not be there, or with a part gone or doubled. */
function rewrite(value: unknown, random: Random): unknown {
  const places: { parent: Record<string, unknown> | unknown[]; key: string }[] = [];
  const visit = (parent: unknown): void => {
    if (typeof parent !== 'object' || parent === null) return;
    for (const [key, child] of Object.entries(parent)) {
      places.push({ parent: parent as Record<string, unknown>, key });
      visit(child);
    }
  };
  visit(value);
  const pick = <T>(from: readonly T[]) => from[Math.floor(random.uniform() * from.length)]!;
  const { parent, key } = pick(places);
  const at = parent as Record<string, unknown>;
  const action = random.uniform();
  if (action < 0.2) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else Reflect.deleteProperty(at, key);
  } else if (action < 0.3 && Array.isArray(parent)) parent.push(parent[Number(key)]);
  else if (action < 0.5) {
    const other = pick(places);
    at[key] = structuredClone((other.parent as Record<string, unknown>)[other.key]);
  } else at[key] = pick(NASTY);
  return value;
}

describe('a graph model, damaged', () => {
  /** Either an error, or a model that gives as many logits as it says. Nothing stays behind in memory. */
  async function check(): Promise<boolean> {
    const before = tf.memory().numTensors;
    const start = performance.now();
    const result = await outcome();
    const refused = result instanceof ShieldError;
    if (!refused) {
      const { height, width } = result.inputSize;
      const logits = tf.tidy(() => result.logits(tf.zeros([2, height, width, 3])));
      expect(logits.shape).toEqual([2, result.classes]);
      logits.dispose();
      result.dispose();
    }
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(tf.memory().numTensors).toBe(before);
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(2 ** 30);
    return refused;
  }

  it(`${MUTATIONS} times by a byte, is refused by name or works`, { timeout: 300_000 }, async () => {
    const originals = await Promise.all(FILES.map((name) => readFile(join(FIXTURE, name))));
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const random = new Random('hostile graph', i);
      const hit = i % 4 === 0 ? 1 + (i % 8 === 0 ? 1 : 0) : 0;
      for (const [k, name] of FILES.entries()) {
        await writeFile(join(folder, name), k === hit ? mutated(originals[k]!, random) : originals[k]!);
      }
      if (await check()) refused++;
    }
    expect(refused).toBeGreaterThan(MUTATIONS / 4);
  });

  it(`${MUTATIONS} times in its meaning, is refused by name or works`, { timeout: 300_000 }, async () => {
    await cp(FIXTURE, folder, { recursive: true });
    const text = await readFile(join(FIXTURE, 'model.json'), 'utf8');
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const random = new Random('hostile graph', 'meaning', i);
      await writeFile(join(folder, 'model.json'), JSON.stringify(rewrite(JSON.parse(text), random)));
      if (await check()) refused++;
    }
    expect(refused).toBeGreaterThan(MUTATIONS / 4);
  });
});
