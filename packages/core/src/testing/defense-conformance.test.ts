import { Type, type Static } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import type { DefenseDefinition, Image } from '../plugin/contracts.js';
import { defineDefense } from '../plugin/define.js';
import type { Random } from '../random/random.js';
import { defenseConformance } from './defense-conformance.js';

const options = Type.Object({
  levels: Type.Integer({ minimum: 2, default: 8, description: 'levels of each channel that are left' }),
});

/** Rounding to a few levels with noise before it: random, and exact about everything that the suite looks at. */
function dithered(
  { data, height, width }: Image,
  { levels }: Static<typeof options>,
  random: Random,
  fault: string,
): Image {
  const bytes = data instanceof Uint8Array;
  const top = bytes ? 255 : 1;
  const out = bytes ? new Uint8Array(data.length) : new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const draw = fault === 'draws elsewhere' ? Math.random() : fault === 'draws nothing' ? 0.5 : random.uniform();
    const level = Math.round((data[i]! / top) * (levels - 1) + (draw - 0.5) / 2);
    const value = (Math.min(levels - 1, Math.max(0, level)) / (levels - 1)) * top;
    out[i] = bytes ? Math.round(value) : value;
  }
  switch (fault) {
    case 'changes its input':
      data.set(out);
      break;
    case 'turns the image':
      return { data: out, height: width, width: height + 1 };
    case 'gives another type':
      return { data: bytes ? Float32Array.from(out) : Uint8Array.from(out), height, width };
    case 'leaves the range':
      out[0] = 2;
      break;
    case 'gives NaN':
      out[0] = NaN;
      break;
    case 'leaks':
      tf.scalar(1);
      break;
    case 'fails on one pixel':
      if (data.length === 3) throw new Error('too small');
  }
  return { data: out, height, width };
}

let calls = 0;

function defenseWith(fault: string, changes: Partial<DefenseDefinition<typeof options>> = {}) {
  return defineDefense<typeof options>({
    name: 'dithered',
    summary: 'a few levels, dithered',
    takes: 'floats',
    random: true,
    gradient: 'straight-through',
    options,
    apply: (image, o, random) => {
      const levels = fault === 'option ignored' ? 8 : fault === 'remembers' ? o.levels + calls++ : o.levels;
      return dithered(image, { levels }, random, fault);
    },
    ...changes,
  });
}

const suite = { variations: { levels: [{ levels: 3 }] } };

async function failures(
  plugin: ReturnType<typeof defenseWith>,
  given: Parameters<typeof defenseConformance>[1] = suite,
) {
  const failed: string[] = [];
  for (const { name, run } of defenseConformance(plugin, given)) await run().catch(() => failed.push(name));
  return failed;
}

test.each(['bytes', 'floats'] as const)('a defense of %s that holds to everything passes', async (takes) => {
  expect(await failures(defenseWith('', { takes }))).toEqual([]);
});

test('one with a gradient of its own passes', async () => {
  const gradient = (images: Tensor4D) => tf.clipByValue(tf.mul<Tensor4D>(images, 0.9), 0, 1);
  expect(await failures(defenseWith('', { gradient }))).toEqual([]);
});

describe('is caught', () => {
  test.each([
    ['changes its input', /leaves its input alone/],
    ['turns the image', /for every size/],
    ['gives another type', /for every size/],
    ['leaves the range', /for every size/],
    ['gives NaN', /for every size/],
    ['fails on one pixel', /for every size/],
    ['draws elsewhere', /same image for the same stream/],
    ['remembers', /same image for the same stream/],
    ['draws nothing', /draws from the stream/],
    ['leaks', /no tensors behind/],
    ['option ignored', /option levels/],
  ])('one that %s, by %s', async (fault, name) => {
    expect(await failures(defenseWith(fault))).toContainEqual(expect.stringMatching(name));
  });

  test('one that draws and does not say so', async () => {
    expect(await failures(defenseWith('', { random: false }))).toEqual(['draws nothing']);
  });

  test('gradients that do not flow, leave the range or lose an image', async () => {
    const its = [expect.stringMatching(/its gradient/)];
    expect(await failures(defenseWith('', { gradient: (x) => tf.mul(x, 2) }))).toEqual(its);
    expect(await failures(defenseWith('', { gradient: (x) => tf.mul(x, 0) }))).toEqual(its);
    expect(await failures(defenseWith('', { gradient: (x) => tf.slice(x, 0, 1) }))).toEqual(its);
  });
});
