import * as tf from '@tensorflow/tfjs-core';
import type { AttackDefinition, AttackInput, Cost } from '../../plugin/contracts.js';
import { boundOf, normOf, type AttackNorm } from '../../plugin/attack-bound.js';
import type { AttackPlugin } from '../../plugin/define.js';
import { levelValues } from '../../images/quantize.js';
import type { Handover } from '../../spec/resolved-spec.js';
import { changeOf, levelCorridor, levelsAlong, nearestLevels, rangeOfSteps, type Corridor } from './level-corridor.js';
import { marginPasses, type MarginPasses } from './margin-passes.js';
import { ThresholdSearch } from './threshold-search.js';

export interface GridRepair {
  readonly norm: AttackNorm;
  /** How far the attack may go, in 0-255 levels and its norm; undefined where it looks for the smallest change. */
  readonly bound: number | undefined;
  readonly needs: AttackDefinition['needs'];
  /** The value in [0, 1] that each level 0-255 is handed over as. */
  readonly values: Float32Array;
}

/** Levels that the corridor is widened by, round by round. */
const WIDEN = [0, 1, 2, 4];
const SCANS = 6;
const HALVINGS = 4;
/** A round that takes less than this share off the change was the last. */
const WORTH = 0.02;
/** Halvings (in factors) of the step that a bound allows. */
const BOUND_HALVINGS = 12;
/** The least lead, in logits, that counts: a batch of another size moves logits by a little. */
const LEAD = 1e-3;

/** What {@link toGrid} is to keep to for an attack with these options. */
export function gridRepair(
  plugin: AttackPlugin,
  options: Readonly<Record<string, unknown>>,
  handover: Handover,
): GridRepair {
  return {
    norm: normOf(plugin, options),
    bound: boundOf(options),
    needs: plugin.needs,
    values: levelValues(handover),
  };
}

/** The most that {@link toGrid} spends on one image. */
export function gridCost(needs: AttackDefinition['needs']): Cost {
  if (needs === 'nothing') return { forwards: 0, gradients: 0 };
  const rounds = WIDEN.length;
  return { forwards: 2 + rounds * (SCANS + HALVINGS), gradients: needs === 'gradients' ? rounds : 0 };
}

/**
 * Puts the images of an attack on the 8-bit grid such that they still fool the model, where they did: rounded to the
 * nearest levels if that does, else to the levels, near the float result, that go furthest down the model's margin for
 * their change; more and more of them until the model is fooled, with new gradients and further levels in each round
 * (after Bonnet, Furon & Bas, "What if adversarial samples were digital images?", IH&MMSec 2020). Attacks that see no
 * gradients go along their own change instead. An attack with an eps stays within it; one that looks for the smallest
 * change goes on while a round makes it smaller by 2 %.
 *
 * @param input what the attack was given
 * @param adversarial what it made, flat [n, h, w, 3] in [0, 1]; images that do not fool the model are only rounded
 * @returns the same images with every sample one of `values`
 */
export async function toGrid(input: AttackInput, adversarial: Float32Array, repair: GridRepair): Promise<Float32Array> {
  const clean = (await input.images.data()) as Float32Array;
  const length = clean.length / input.ids.length;
  const images = input.ids.map((_, row) => {
    const slice = (pixels: Float32Array) => pixels.subarray(row * length, (row + 1) * length);
    return new GridImage(row, slice(clean), slice(adversarial), repair);
  });
  if (repair.needs !== 'nothing') await new Rounds(input, repair).run(images);
  const out = new Float32Array(clean.length);
  images.forEach(({ levels }, row) => levels.forEach((level, i) => (out[row * length + i] = repair.values[level]!)));
  return out;
}

/** One image on its way to the grid: the best levels so far. */
class GridImage {
  /** In [0, 1] units; what the attack itself went beyond its eps (one that calls its goal so) is allowed too. */
  readonly #bound: number;
  levels: Uint8Array;
  #margin = Infinity;
  /** Of the best levels that fool the model; Infinity while there are none. */
  change = Infinity;

  constructor(
    readonly row: number,
    readonly clean: Float32Array,
    readonly adversarial: Float32Array,
    private readonly repair: GridRepair,
  ) {
    const { norm, bound } = repair;
    this.#bound = bound === undefined ? Infinity : Math.max(bound / 255, changeOf(clean, adversarial, 1, norm));
    const corridor = this.corridor(0);
    this.levels = nearestLevels(adversarial, corridor);
    if (!this.#allows(this.levels)) {
      const own = adversarial.map((value, i) => value - clean[i]!);
      this.levels = levelsAlong(clean, own, this.steps(own, corridor).high, corridor);
    }
  }

  get fooled(): boolean {
    return this.change < Infinity;
  }

  corridor(widen: number): Corridor {
    const eps = this.repair.norm === 'linf' ? { eps: Math.min(255, 255 * this.#bound) } : {};
    const sparse = this.repair.norm === 'l0' || this.repair.norm === 'l1';
    return levelCorridor(this.clean, this.adversarial, { widen, sparse, ...eps });
  }

  /** From where to where steps along a direction change anything and stay within the bound. */
  steps(direction: Float32Array, corridor: Corridor): { low: number; high: number } {
    const range = rangeOfSteps(direction, corridor);
    const allows = (t: number) => this.#allows(levelsAlong(this.clean, direction, t, corridor));
    if (this.#bound === Infinity || allows(range.high)) return range;
    let { low, high } = range;
    for (let i = 0; i < BOUND_HALVINGS; i++) {
      const middle = Math.sqrt(low * high);
      if (allows(middle)) low = middle;
      else high = middle;
    }
    return { low: range.low, high: low };
  }

  /** Takes the levels if they are the best so far: the smallest change that fools, or else the smallest margin. */
  offer(levels: Uint8Array, margin: number): boolean {
    const fools = margin < -LEAD;
    const change = fools ? changeOf(this.clean, levels, 255, this.repair.norm) : Infinity;
    if (fools ? change < this.change : !this.fooled && margin < this.#margin) {
      this.levels = levels;
      this.#margin = margin;
      this.change = change;
    }
    return fools;
  }

  #allows(levels: Uint8Array): boolean {
    // In linf the corridor sees to it, also where no level lies within eps of a sample.
    if (this.#bound === Infinity || this.repair.norm === 'linf') return true;
    return changeOf(this.clean, levels, 255, this.repair.norm) <= this.#bound * (1 + 1e-6);
  }
}

/** The rounds of a batch; images that are done take no part in the next. */
class Rounds {
  readonly #passes: MarginPasses;

  constructor(
    private readonly input: AttackInput,
    private readonly repair: GridRepair,
  ) {
    this.#passes = marginPasses(input.model, input);
  }

  async run(images: readonly GridImage[]): Promise<void> {
    const before = await this.#margins(images, (image) => image.adversarial);
    let active = images.filter((_, i) => before[i]! < 0);
    const margins = await this.#margins(active, (image) => this.#valuesOf(image.levels));
    active.forEach((image, i) => image.offer(image.levels, margins[i]!));
    // Within its bound, an image that fools the model is as good as any.
    const bounded = this.repair.bound !== undefined;
    for (const widen of WIDEN) {
      active = active.filter((image) => !(bounded && image.fooled));
      if (active.length === 0) return;
      const changes = active.map(({ change }) => change);
      await this.#round(active, widen);
      active = active.filter((image, i) => !(image.change > (1 - WORTH) * changes[i]!) || !image.fooled);
    }
  }

  async #round(images: readonly GridImage[], widen: number): Promise<void> {
    const directions = await this.#directions(images);
    const searches = images.map((image, i) => {
      const corridor = image.corridor(widen);
      const { low, high } = image.steps(directions[i]!, corridor);
      const search = new ThresholdSearch(low, high, SCANS, HALVINGS);
      return { image, search, levelsAt: (t: number) => levelsAlong(image.clean, directions[i]!, t, corridor) };
    });
    for (;;) {
      const asked = searches.flatMap(({ image, search, levelsAt }) =>
        search.next === undefined ? [] : [{ image, search, levels: levelsAt(search.next) }],
      );
      if (asked.length === 0) return;
      const levels = new Map(asked.map((each) => [each.image, each.levels]));
      const margins = await this.#margins([...levels.keys()], (image) => this.#valuesOf(levels.get(image)!));
      asked.forEach((each, i) => each.search.tell(each.image.offer(each.levels, margins[i]!)));
    }
  }

  async #directions(images: readonly GridImage[]): Promise<readonly Float32Array[]> {
    if (this.repair.needs !== 'gradients') {
      return images.map(({ clean, adversarial }) => adversarial.map((value, i) => value - clean[i]!));
    }
    const flat = await this.#pass(images, (image) => this.#valuesOf(image.levels), 'descents');
    const length = images[0]!.clean.length;
    return images.map((_, i) => flat.subarray(i * length, (i + 1) * length));
  }

  #margins(images: readonly GridImage[], pixelsOf: (image: GridImage) => Float32Array): Promise<Float32Array> {
    return images.length === 0 ? Promise.resolve(new Float32Array(0)) : this.#pass(images, pixelsOf, 'margins');
  }

  async #pass(
    images: readonly GridImage[],
    pixelsOf: (image: GridImage) => Float32Array,
    pass: keyof MarginPasses,
  ): Promise<Float32Array> {
    const [, height, width, channels] = this.input.images.shape;
    const values = new Float32Array(images.length * height * width * channels);
    images.forEach((image, i) => values.set(pixelsOf(image), i * height * width * channels));
    const tensor = tf.tensor4d(values, [images.length, height, width, channels]);
    const rows = images.map(({ row }) => row);
    try {
      return await this.#passes[pass](rows, tensor);
    } finally {
      tensor.dispose();
      await this.input.checkpoint();
    }
  }

  #valuesOf(levels: Uint8Array): Float32Array {
    return Float32Array.from(levels, (level) => this.repair.values[level]!);
  }
}
