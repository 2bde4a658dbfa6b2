import assert from 'node:assert/strict';
import { openBackend } from '../backend/open-backend.js';
import type { Backend } from '../backend/backend.js';
import type { AttackPlugin } from '../plugin/define.js';
import type { Model } from '../plugin/contracts.js';
import type { BackendChoice } from '../spec/resolved-spec.js';
import { AttackBench, type Attacked } from './attack-bench.js';
import {
  describedCases,
  optionCases,
  type ConformanceCase,
  type OptionValues,
  type Variation,
} from './conformance-case.js';
import { tinyModel } from './tiny-model.js';

export interface AttackConformanceOptions {
  /** Options that every case starts from, over the plugin's defaults: such that the attack works and is quick. */
  readonly options?: OptionValues;
  /** For every option of the plugin, other values of which one at least must change the images or the iterations. */
  readonly variations?: Readonly<Record<string, readonly Variation[]>>;
  /** The largest norm (the plugin's own, in [0, 1] units) that these options allow. */
  readonly bound?: (options: Record<string, unknown>) => number;
  /** The model under attack; made anew for each case. Default: {@link tinyModel}. */
  readonly model?: () => Model;
  /** Default: cpu, on which a model as small as this one is fastest. */
  readonly backend?: BackendChoice;
}

/** Batch sizes that must give the same results. */
const BATCH_SIZES = [1, 3, 16];
const IMAGES = 16;
/** Share of the fooling images that must be left on the grid. */
const GRID_KEEPS = 0.9;

/**
 * What every attack must hold to, as cases for any test runner:
 *
 *     for (const { name, run } of attackConformance(fgsm, { variations: { eps: [{ eps: 2 }] } })) test(name, run);
 */
export function attackConformance(plugin: AttackPlugin, settings: AttackConformanceOptions = {}): ConformanceCase[] {
  const { options = {}, variations = {}, bound, model = () => tinyModel(), backend = 'cpu' } = settings;
  const attacking = (use: (bench: AttackBench) => Promise<void>) => async () => {
    const opened: Backend = await openBackend(backend, { threads: 1, log: ignore, warn: ignore });
    const bench = new AttackBench(plugin, opened, model(), IMAGES, options);
    try {
      await use(bench);
    } finally {
      bench.dispose();
    }
  };
  const cases: ConformanceCase[] = [
    ...describedCases(plugin, options),
    { name: 'gives images of the same shape, finite and in [0, 1]', run: attacking(shapeAndRange) },
    { name: 'fools the model', run: attacking(foolsTheModel) },
    { name: 'leaves its inputs alone', run: attacking(inputsUntouched) },
    { name: 'gives the same images twice', run: attacking(deterministic) },
    { name: `gives the same results in batches of ${BATCH_SIZES.join(', ')}`, run: attacking(batchSizes) },
    { name: 'gives the same results in another order', run: attacking(batchOrder) },
    { name: 'leaves no tensors behind', run: attacking(noLeak) },
    { name: 'leaves no tensors behind when the run is stopped', run: attacking(noLeakWhenStopped) },
    { name: 'costs no more than it says', run: attacking(costHeld) },
    ...optionCases(
      plugin,
      variations,
      async (varied) => {
        let result: Attacked | undefined;
        await attacking(async (bench) => void (result = await bench.attack({ options: varied })))();
        return result!;
      },
      (a, b) => equal(a.pixels, b.pixels) && equal(a.iterations, b.iterations),
    ),
  ];
  if (plugin.needs !== 'nothing')
    cases.push({ name: 'one image that the model cannot judge (NaN) harms no other', run: attacking(nanStaysAlone) });
  if (plugin.needs !== 'nothing')
    cases.push({ name: 'on the 8-bit grid, its images still fool the model', run: attacking(heldOnGrid) });
  if (plugin.random) cases.push({ name: 'draws from the stream of each image', run: attacking(streamsHeeded) });
  if (plugin.targeted) cases.push({ name: 'goes to the target where there is one', run: attacking(reachesTargets) });
  if (bound) cases.push({ name: 'keeps within its bound', run: attacking((bench) => boundHeld(bench, bound)) });
  return cases;
}

const ignore = () => undefined;

async function shapeAndRange(bench: AttackBench): Promise<void> {
  const { pixels, shape, iterations } = await bench.attack();
  assert.deepEqual(shape, bench.shape, 'the images must keep their shape');
  assert.equal(iterations.length, bench.images, 'iterations: one number an image');
  for (const value of pixels) assert.ok(value >= 0 && value <= 1, `a pixel is ${value}, outside [0, 1]`);
  for (const count of iterations) assert.ok(Number.isInteger(count) && count >= 0, `an image took ${count} iterations`);
}

async function foolsTheModel(bench: AttackBench): Promise<void> {
  const verdicts = await bench.fooled((await bench.attack()).pixels);
  assert.ok(verdicts.includes(true), 'not one image fools the model: give this suite stronger options');
}

async function inputsUntouched(bench: AttackBench): Promise<void> {
  const { inputsAfter } = await bench.attack();
  assert.ok(equal(inputsAfter.pixels, bench.pixels), 'the clean images were changed');
  assert.ok(equal(inputsAfter.labels, bench.labels), 'the labels were changed');
}

async function deterministic(bench: AttackBench): Promise<void> {
  const [first, second] = [await bench.attack(), await bench.attack()];
  assert.ok(equal(first.pixels, second.pixels), 'two runs with the same streams gave different images');
  assert.deepEqual(first.iterations, second.iterations);
}

async function batchSizes(bench: AttackBench): Promise<void> {
  const whole = await bench.attack();
  for (const size of BATCH_SIZES) {
    const rows = Array.from({ length: bench.images }, (_, i) => i);
    const parts: Attacked[] = [];
    for (let start = 0; start < rows.length; start += size)
      parts.push(await bench.attack({ rows: rows.slice(start, start + size) }));
    await bench.assertAlike(whole.pixels, concatenate(parts.map(({ pixels }) => pixels)), `in batches of ${size}`);
  }
}

async function batchOrder(bench: AttackBench): Promise<void> {
  const rows = Array.from({ length: bench.images }, (_, i) => bench.images - 1 - i);
  const { pixels } = await bench.attack({ rows });
  const length = bench.imageLength;
  const back = concatenate(rows.map((row) => pixels.subarray(row * length, (row + 1) * length)));
  await bench.assertAlike((await bench.attack()).pixels, back, 'in reverse order');
}

async function noLeak(bench: AttackBench): Promise<void> {
  await bench.attack();
  const before = bench.tensors();
  for (let i = 0; i < 3; i++) await bench.attack();
  assert.equal(bench.tensors() - before, 0, 'tensors left behind after three batches');
}

async function noLeakWhenStopped(bench: AttackBench): Promise<void> {
  await bench.attack();
  const before = bench.tensors();
  for (const checkpoint of [1, 2]) {
    const { stopped } = await bench.attackUntil(checkpoint);
    // An attack of one step has nothing to stop at.
    if (!stopped) break;
  }
  assert.equal(bench.tensors() - before, 0, 'tensors left behind when checkpoint() threw');
}

async function costHeld(bench: AttackBench): Promise<void> {
  const declared = bench.cost();
  const { passes } = await bench.attack();
  for (const { forwards, gradients } of passes) {
    assert.ok(
      gradients <= declared.gradients,
      `${gradients} gradients on an image, and cost() says ${declared.gradients} at most`,
    );
    assert.ok(
      forwards <= declared.forwards,
      `${forwards} forwards on an image, and cost() says ${declared.forwards} at most`,
    );
  }
}

async function nanStaysAlone(bench: AttackBench): Promise<void> {
  const [sane, hurt] = [await bench.attack(), await bench.attack({ nanRow: 1 })];
  const others = (pixels: Float32Array) =>
    concatenate([pixels.subarray(0, bench.imageLength), pixels.subarray(2 * bench.imageLength)]);
  assert.ok(!others(hurt.pixels).some(Number.isNaN), 'NaN in images that the model can judge');
  assert.ok(equal(others(sane.pixels), others(hurt.pixels)), 'other images came out differently');
}

/** As with `grid: uint8`. Small images have little room between levels: nearly all must hold, not all. */
async function heldOnGrid(bench: AttackBench): Promise<void> {
  const [float, grid] = [await bench.attack(), await bench.attack({ grid: true })];
  for (const value of grid.pixels)
    assert.ok(Math.fround(Math.round(255 * value) / 255) === value, `a pixel is ${value}: not one of 256 levels`);
  const [before, after] = [await bench.fooled(float.pixels), await bench.fooled(grid.pixels)];
  const had = before.filter(Boolean).length;
  const kept = before.filter((fooled, i) => fooled && after[i]).length;
  assert.ok(kept >= GRID_KEEPS * had, `of ${had} images that fool the model, ${kept} do on the grid`);
  const bound = bench.bound;
  if (bound === undefined) return;
  // Half a level more: the drawn images lie between levels.
  const limit = bound / 255 + (bench.norm === 'linf' ? 0.5 / 255 : 0);
  for (const [i, norm] of bench.norms(grid.pixels).entries())
    assert.ok(norm <= limit * (1 + 1e-5), `image ${i}: the norm of its change is ${norm} on the grid, above ${limit}`);
}

async function streamsHeeded(bench: AttackBench): Promise<void> {
  const [first, second] = [await bench.attack(), await bench.attack({ seed: 1 })];
  assert.ok(!equal(first.pixels, second.pixels), 'declared random, and other streams give the same images');
}

/**
 * Targets are classes that the attack does not end in by itself: one that ignores them would often reach the second
 * most likely class anyway.
 */
async function reachesTargets(bench: AttackBench): Promise<void> {
  const untargeted = await bench.logits((await bench.attack()).pixels);
  const clean = await bench.logits(bench.pixels);
  const targets = Int32Array.from(clean, (logits, i) => {
    const ruledOut = [bench.labels[i], argmax(untargeted[i]!)];
    return argmax(logits.map((logit, k) => (ruledOut.includes(k) ? -Infinity : logit)));
  });
  const targeted = await bench.logits((await bench.attack({ targets })).pixels);
  const lead = (logits: readonly (readonly number[])[]) =>
    mean(targets, (target, i) => logits[i]![target]! - logits[i]![bench.labels[i]!]!);
  const gain = lead(targeted) - lead(clean);
  assert.ok(gain > 0, `the logits of the targets, against those of the labels, changed by ${gain} on average`);
  assert.ok(
    Array.from(targets).some((target, i) => argmax(targeted[i]!) === target),
    'not one image reached its target: give this suite stronger options',
  );
}

async function boundHeld(bench: AttackBench, bound: (options: Record<string, unknown>) => number): Promise<void> {
  const limit = bound(bench.options);
  const { pixels } = await bench.attack();
  for (const [i, norm] of bench.norms(pixels).entries()) {
    assert.ok(norm <= limit * (1 + 1e-5) + 1e-6, `image ${i}: the norm of its change is ${norm}, above ${limit}`);
  }
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.prototype.every.call(a, (value: number, i) => Object.is(value, b[i]));
}

function mean(values: ArrayLike<number>, of: (value: number, index: number) => number): number {
  return Array.from(values, of).reduce((sum, value) => sum + value, 0) / values.length;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    out.set(part, start);
    start += part.length;
  }
  return out;
}

function argmax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
