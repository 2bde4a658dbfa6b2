import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { ShieldError, reasonOf } from '../errors/index.js';
import { Random } from '../random/random.js';
import type { AttackInput, AttackOutput, AttackPlugin } from '../plugin/index.js';
import { defend } from './apply-defense.js';
import type { Artifact } from './artifact-store.js';
import { writeImages } from './attacked-images.js';
import { inputBatches, type ImageBatch } from './input-batches.js';
import { attackKey } from './keys.js';
import { distances } from './norms.js';
import { PassCounter } from './pass-counter.js';
import type { Chosen, PipelineContext, PlannedAttack } from './context.js';
import { fools, type AttackRow, type Prediction, type PredictionRow } from './rows.js';
import { createTargetModel, type CountedTargetModel } from './target-model.js';
import { targetOf, type TargetOption } from './targets.js';
import { attackerView } from './threat/attacker.js';
import type { AttackerView } from './threat/attacker-view.js';
import { DefendedView } from './threat/defended-view.js';
import { GradientFlow } from './threat/gradient-flow.js';

/** Below this many gradients in all, capturing the attack's graphs costs more than it saves. */
const CAPTURE_FROM_GRADIENTS = 48;

/** Images further outside [0, 1] than float rounding explains are a fault of the attack. */
const RANGE_TOLERANCE = 1e-5;

interface CommonOptions {
  readonly labels: 'true' | 'predicted' | true;
  readonly attack_misclassified: boolean;
  readonly target?: TargetOption;
}

/**
 * Makes the attacked images of one attack, batch by batch, where they are not there yet. Images that the model gets
 * wrong already pass through unchanged and are counted apart.
 */
export async function attackStage(
  context: PipelineContext,
  attack: PlannedAttack,
  clean: Artifact<PredictionRow>,
): Promise<Artifact<AttackRow>> {
  const artifact = await context.store.open<AttackRow>('attacked', attackKey(context, attack));
  const info = { stage: 'attack', name: attack.name };
  if (await artifact.complete()) {
    await context.emit({ type: 'stage', ...info, phase: 'reused' });
    context.reporter.log(`attack ${attack.name}: taken from ${artifact.name}`);
    return artifact;
  }
  const wait = () => context.reporter.log(`attack ${attack.name}: another run computes it; waiting`);
  await artifact.exclusively(context.signal, wait, async () => {
    if (await artifact.complete()) return;
    await context.emit({ type: 'stage', ...info, phase: 'start' });
    const started = performance.now();
    await computeMissing(context, attack, clean, artifact);
    await context.emit({ type: 'stage', ...info, phase: 'end', seconds: (performance.now() - started) / 1000 });
  });
  await context.emit({ type: 'artifact', kind: 'attacked', key: artifact.hash, path: artifact.path });
  return artifact;
}

async function computeMissing(
  context: PipelineContext,
  attack: PlannedAttack,
  clean: Artifact<PredictionRow>,
  artifact: Artifact<AttackRow>,
): Promise<void> {
  const total = context.dataset.size;
  const batches = Math.ceil((total ?? Infinity) / context.spec.batch);
  const stage = context.reporter.stage({ stage: 'attack', name: attack.name, total });
  const counter = new PassCounter();
  const gradients =
    attack.plugin.cost(attack.options).gradients * Math.min(batches * context.spec.batch, total ?? Infinity);
  const capture = gradients >= CAPTURE_FROM_GRADIENTS;
  const view = attackerView(context, attack, capture);
  const target = createTargetModel({
    view,
    backend: context.backend,
    capture,
    count: (rows, cost) => counter.add(rows, cost),
  });
  const flow =
    view instanceof DefendedView && attack.plugin.needs === 'gradients' ? new GradientFlow(view, attack) : undefined;
  try {
    let done = 0;
    let fooled = 0;
    let tried = 0;
    let count = 0;
    const input = {
      batch: context.spec.batch,
      size: context.model.inputSize,
      preprocess: context.preprocess,
      onCorrupt: context.onCorrupt,
      classes: context.model.classes - context.model.labelOffset,
      signal: context.signal,
      needed: (index: number) => {
        count = Math.max(count, index + 1);
        return !artifact.has(index);
      },
    };
    for await (const batch of inputBatches(context.dataset, input)) {
      const started = performance.now();
      const cleanRows = (await clean.read(batch.index)).rows.filter((row) => row.dropped === undefined);
      const within = (share: number) => stage.update(done + share * batch.ids.length, note(fooled, tried));
      const attacker = { view, target, counter, flow };
      const { rows, pixels } = await attackBatch(context, attack, attacker, batch, cleanRows, within);
      const seconds = (performance.now() - started) / 1000;
      await artifact.write(batch.index, rows, seconds, (path) =>
        writeImages(path, batch, pixels, context.model.inputSize),
      );
      done = Math.min(total ?? Infinity, (batch.index + 1) * context.spec.batch);
      tried += rows.filter((row) => row.attacked).length;
      fooled += rows.filter((row) => row.attacked && row.success).length;
      stage.update(done, note(fooled, tried));
      await context.emit({
        type: 'batch',
        stage: 'attack',
        name: attack.name,
        batch: batch.index,
        done,
        of: total ?? done,
        tensors: tf.memory().numTensors,
      });
    }
    flow?.report(context.reporter);
    await artifact.finish(count);
    stage.end(note(fooled, tried));
  } finally {
    target.dispose();
    view.dispose();
  }
}

function note(fooled: number, tried: number): string {
  return tried === 0 ? '' : `fooled ${fooled}/${tried}`;
}

/** What carries out one attack, and what is noted of it. */
interface Attacker {
  readonly view: AttackerView;
  readonly target: CountedTargetModel;
  readonly counter: PassCounter;
  readonly flow: GradientFlow | undefined;
}

async function attackBatch(
  context: PipelineContext,
  attack: PlannedAttack,
  { view, target, counter, flow }: Attacker,
  batch: ImageBatch,
  cleanRows: readonly PredictionRow[],
  progress: (share: number) => void,
): Promise<{ rows: AttackRow[]; pixels: Float32Array }> {
  const options = attack.options as unknown as CommonOptions;
  const { height, width } = context.model.inputSize;
  const length = height * width * 3;
  const { labelOffset: offset } = view;
  const usePredicted = options.labels === 'predicted';
  const sources = batch.labels.map((label, i) => (usePredicted ? cleanRows[i]!.draws[0]!.top[0]! : label));
  const right = batch.ids.flatMap((_, i) =>
    options.attack_misclassified || cleanRows[i]!.draws[0]!.top[0] === sources[i] ? [i] : [],
  );
  const targets = chooseTargets(context, attack, options.target ?? 'none', right, batch, sources, cleanRows);
  const chosen = targets ? right.filter((i) => targets.has(i)) : right;
  const pixels = batch.pixels.slice();
  const iterations = new Int32Array(batch.ids.length);
  const failures = new Map<number, string>();
  counter.start(chosen.length);

  if (chosen.length > 0) {
    const images = tf.tensor4d(gather(batch.pixels, chosen, length), [chosen.length, height, width, 3]);
    const labels = Int32Array.from(chosen, (i) => sources[i]! + offset);
    const ids = chosen.map((i) => batch.ids[i]!);
    let result: { pixels: Float32Array; iterations: Int32Array };
    try {
      view.begin?.(ids);
      await flow?.check(images, labels);
      result = await runAttack(context, attack, {
        model: target,
        images,
        labels,
        ...(targets ? { targets: Int32Array.from(chosen, (i) => targets.get(i)! + offset) } : {}),
        ids,
        random: (i, draw = 0) =>
          new Random(context.spec.seed, 'attack', attack.plugin.name, batch.ids[chosen[i]!]!, draw),
        checkpoint: async (at) => {
          if (at) progress(at.done / at.of);
          await setImmediate();
          context.signal.throwIfAborted();
        },
      });
    } finally {
      images.dispose();
    }
    chosen.forEach((i, row) => {
      const failure = place(pixels, i * length, result.pixels.subarray(row * length, (row + 1) * length));
      if (failure) failures.set(i, failure);
      iterations[i] = result.iterations[row]!;
    });
  }

  const judged = await judge(context, attack, batch.ids, pixels);
  const rows = batch.ids.map((id, i): AttackRow => {
    const attacked = chosen.includes(i);
    const goal = targets?.get(i);
    const passes = counter.of(chosen.indexOf(i));
    return {
      id,
      label: batch.labels[i]!,
      attacked,
      success: attacked && fools(judged[i]!, { source: sources[i]!, ...(goal === undefined ? {} : { target: goal }) }),
      source: sources[i]!,
      ...(goal === undefined ? {} : { target: goal }),
      ...distances(batch.pixels.subarray(i * length, (i + 1) * length), pixels.subarray(i * length, (i + 1) * length)),
      iterations: iterations[i]!,
      ...passes,
      ...(failures.has(i) ? { failure: failures.get(i)! } : {}),
    };
  });
  return { rows, pixels };
}

/**
 * What the attack makes of its input.
 *
 * @throws ATTACK_FAILED where it throws, or gives anything but one image and one count for each that it was given
 */
async function runAttack(
  context: PipelineContext,
  { name, plugin, options }: Chosen<AttackPlugin>,
  input: AttackInput,
): Promise<{ pixels: Float32Array; iterations: Int32Array }> {
  const expected = 'mend the attack; one that comes with SHIELD has a fault: please report it';
  let output: AttackOutput;
  try {
    output = await plugin.run(input, options);
  } catch (error) {
    if (context.signal.aborted || error instanceof ShieldError) throw error;
    throw new ShieldError('ATTACK_FAILED', { name, reason: reasonOf(error), expected }, { cause: error });
  }
  const { images, iterations } = output;
  try {
    const [given, got] = [input.images.shape, images.shape].map((shape) => shape.join('×'));
    const reason =
      given !== got
        ? `it was given images of shape ${given} and returned ${got}`
        : iterations.length !== input.ids.length
          ? `it returned ${iterations.length} counts of iterations for ${input.ids.length} images`
          : undefined;
    if (reason) throw new ShieldError('ATTACK_FAILED', { name, reason, expected });
    return { pixels: (await images.data()) as Float32Array, iterations };
  } finally {
    // An attack that changes nothing may give back what it was given.
    if (images !== input.images) images.dispose();
  }
}

/** Copies an attacked image in, clipped to [0, 1]; one that is not usable leaves the clean image standing. */
function place(pixels: Float32Array, start: number, image: Float32Array): string | undefined {
  let low = 0;
  let high = 1;
  for (const value of image) {
    if (!Number.isFinite(value)) return `the attack made ${value} of a pixel`;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low < -RANGE_TOLERANCE || high > 1 + RANGE_TOLERANCE) return `the attack left [0, 1]: ${low} … ${high}`;
  for (let k = 0; k < image.length; k++) pixels[start + k] = Math.min(1, Math.max(0, image[k]!));
  return undefined;
}

/** By row of the batch; rows without one are of their target class already. */
function chooseTargets(
  context: PipelineContext,
  { name, of }: PlannedAttack,
  option: TargetOption,
  rows: readonly number[],
  batch: ImageBatch,
  sources: readonly number[],
  cleanRows: readonly PredictionRow[],
): Map<number, number> | undefined {
  if (option === 'none') return undefined;
  const table = context.targets.get(of);
  const classes = context.model.classes - context.model.labelOffset;
  const input = { name, option, seed: context.spec.seed, classes, ...(table ? { table } : {}) };
  return new Map(
    rows.flatMap((i) => {
      const target = targetOf(input, batch.ids[i]!, sources[i]!, cleanRows[i]!);
      return target === undefined ? [] : [[i, target] as const];
    }),
  );
}

/** What the model says of the attacked images; of those made against a defense, behind it (its first draw). */
async function judge(
  context: PipelineContext,
  { against }: PlannedAttack,
  ids: readonly string[],
  pixels: Float32Array,
): Promise<readonly Prediction[]> {
  if (!against) return context.predictor.predict(pixels);
  const { inputSize } = context.model;
  const length = inputSize.height * inputSize.width * 3;
  const defended = new Float32Array(pixels.length);
  await Promise.all(
    ids.map(async (id, i) => {
      const image = { data: pixels.subarray(i * length, (i + 1) * length), ...inputSize };
      defended.set((await defend(context, against, image, id, 0)).data, i * length);
    }),
  );
  return context.predictor.predict(defended);
}

function gather(pixels: Float32Array, rows: readonly number[], length: number): Float32Array {
  const out = new Float32Array(rows.length * length);
  rows.forEach((row, i) => out.set(pixels.subarray(row * length, (row + 1) * length), i * length));
  return out;
}
