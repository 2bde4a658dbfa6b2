import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '../backend/open-backend.js';
import { Random } from '../random/random.js';
import type { DefensePlugin } from '../plugin/define.js';
import type { Image } from '../plugin/contracts.js';
import {
  completeOptions,
  describedCases,
  optionCases,
  type ConformanceCase,
  type OptionValues,
  type Variation,
} from './conformance-case.js';

export interface DefenseConformanceOptions {
  /** Options that every case starts from, over the plugin's defaults. */
  readonly options?: OptionValues;
  /** For every option of the plugin, other values of which one at least must change the image. */
  readonly variations?: Readonly<Record<string, readonly Variation[]>>;
  /** Height and width of the images; default: one pixel, square, wide, tall and odd ones. */
  readonly sizes?: readonly (readonly [number, number])[];
}

const SIZES = [
  [1, 1],
  [7, 5],
  [17, 33],
  [16, 16],
  [35, 9],
  [24, 31],
] as const;

/** What every defense must hold to, as cases for any test runner; use it as {@link attackConformance}. */
export function defenseConformance(plugin: DefensePlugin, settings: DefenseConformanceOptions = {}): ConformanceCase[] {
  const { options = {}, variations = {}, sizes = SIZES } = settings;
  const images = sizes.map(([height, width], i) => drawnImage(plugin, height, width, i));
  const largest = images.reduce((a, b) => (b.data.length > a.data.length ? b : a));
  const apply = async (image: Image, stream: number | string = 0, more: OptionValues = {}) =>
    plugin.apply(image, completeOptions(plugin, { ...options, ...more }), new Random('conformance', stream));
  const cases: ConformanceCase[] = [
    ...describedCases(plugin, options),
    {
      name: `gives ${plugin.takes === 'bytes' ? '8-bit images' : 'float images in [0, 1]'} for every size and leaves its input alone`,
      run: async () => {
        for (const image of images) {
          const before = image.data.slice();
          checkImage(plugin, await apply(image), `${image.height}×${image.width}`);
          assert.ok(equal(before, image.data), 'the image that it was given was changed');
        }
      },
    },
    {
      name: 'gives the same image for the same stream, whatever it did before',
      run: async () => {
        const first = await Promise.all(images.map((image) => apply(image)));
        // All at once, then backwards one by one: nothing may be left over from another image.
        for (let i = images.length - 1; i >= 0; i--)
          assert.ok(equal(first[i]!.data, (await apply(images[i]!)).data), `image ${i} came out otherwise`);
      },
    },
    {
      name: plugin.random ? 'draws from the stream that it is given' : 'draws nothing',
      run: async () => {
        const results = await Promise.all([0, 1, 2, 3].map((stream) => apply(largest, stream)));
        const differ = results.some(({ data }) => !equal(data, results[0]!.data));
        assert.equal(
          differ,
          plugin.random,
          plugin.random
            ? 'declared random, and four streams give one image'
            : 'declared not random, and it depends on the stream',
        );
      },
    },
    {
      name: 'leaves no tensors behind',
      run: async () => {
        await openCpu();
        await apply(largest);
        const before = tf.memory().numTensors;
        for (const image of images) await apply(image);
        assert.equal(tf.memory().numTensors - before, 0);
      },
    },
    ...optionCases(plugin, variations, (more) => apply(largest, 0, more), sameImage),
  ];
  const { gradient } = plugin;
  if (typeof gradient === 'function') {
    cases.push({
      name: 'its gradient: [n, h, w, 3] in [0, 1] both ways, and differentiable',
      run: async () => {
        await openCpu();
        const randoms = [0, 1].map((i) => new Random('conformance', i));
        const through = (x: tf.Tensor) => gradient(x as tf.Tensor4D, randoms, completeOptions(plugin, options));
        tf.tidy(() => {
          const x = tf.stack(
            [0, 1].map((i) =>
              tf.tensor3d(
                Float32Array.from({ length: 16 * 16 * 3 }, (_, k) => ((k * 37 + i) % 101) / 100),
                [16, 16, 3],
              ),
            ),
          );
          const y = through(x);
          assert.deepEqual([y.shape[0], y.shape[3]], [2, 3], `the shape became ${y.shape.join('×')}`);
          for (const value of y.dataSync())
            assert.ok(value >= -1e-5 && value <= 1 + 1e-5, `a pixel is ${value}, outside [0, 1]`);
          const dx = tf
            .grad((input) => tf.sum(tf.square(through(input))))(x)
            .dataSync();
          assert.ok(
            dx.every(Number.isFinite) && dx.some((value) => value !== 0),
            'no usable gradient flows through it',
          );
        });
      },
    });
  }
  return cases;
}

function openCpu() {
  return openBackend('cpu', { threads: 1, log: () => undefined, warn: () => undefined });
}

/** A picture, not noise: waves with a little grain, so that a smoothing or coding defense has something to keep. */
function drawnImage(plugin: DefensePlugin, height: number, width: number, seed: number): Image {
  const random = new Random('conformance image', seed);
  const floats = new Float32Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const wave = 0.5 + 0.3 * Math.sin((x + c) / 3) + 0.2 * Math.cos((y + seed) / (2 + c));
        floats[(y * width + x) * 3 + c] = Math.min(1, Math.max(0, wave + 0.1 * random.normal()));
      }
    }
  }
  if (plugin.takes === 'floats') return { data: floats, height, width };
  return { data: Uint8Array.from(floats, (value) => Math.round(255 * value)), height, width };
}

function checkImage(plugin: DefensePlugin, { data, height, width }: Image, which: string): void {
  assert.equal(data.length, height * width * 3, `${which}: ${data.length} values for ${height}×${width}×3`);
  if (plugin.takes === 'bytes') {
    assert.ok(data instanceof Uint8Array, `${which}: a defense of bytes gives bytes`);
    return;
  }
  assert.ok(data instanceof Float32Array, `${which}: a defense of floats gives floats`);
  for (const value of data) assert.ok(value >= 0 && value <= 1, `${which}: a pixel is ${value}, outside [0, 1]`);
}

function sameImage(a: Image, b: Image): boolean {
  return a.height === b.height && a.width === b.width && equal(a.data, b.data);
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.prototype.every.call(a, (value: number, i) => Object.is(value, b[i]));
}
