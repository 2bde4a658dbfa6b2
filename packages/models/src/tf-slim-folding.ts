import { toFloat32, type WeightMap } from '@shield/core';
import type { SlimNetwork } from './tf-slim-ops.js';
import { slimParts, slimScaleAndOffset, slimVariables } from './tf-slim-variables.js';

/** Filters whose batch norm is folded in, and what is then added. */
export interface FoldedFilter {
  /** Row by row, [height, width, in, out]. */
  readonly filter: Float32Array<ArrayBuffer>;
  readonly offset: Float32Array;
}

/** Folds the batch norm of a convolution into a copy of its filters. @param name of the convolution, with the network's scope */
export function foldCopy(network: SlimNetwork, name: string, weights: WeightMap): FoldedFilter {
  const { scale, offset } = slimScaleAndOffset(network, `${name}/BatchNorm`, weights);
  const filter = toFloat32(weights.get(`${name}/weights`)!).slice();
  scaleFilters(filter, scale);
  return { filter, offset };
}

/**
 * Folds batch norms into the very memory of weights that nobody else needs, each as soon as its variables are there: the
 * next block of the checkpoint is being read meanwhile.
 */
export class FoldingInPlace {
  /** Of each convolution with a batch norm, by its name with the network's scope: shapes by the names of its variables. */
  readonly #variables = new Map<string, Map<string, readonly number[]>>();
  readonly #done = new Set<string>();

  constructor(private readonly network: SlimNetwork) {
    for (const { scope, then } of slimParts(network, 1).layers) {
      if (then === 'batch norm') this.#variables.set(`${network.scope}/${scope}`, new Map());
    }
    for (const [variable, shape] of slimVariables(network, 1)) {
      this.#variables.get(convolutionOf(variable))?.set(variable, shape);
    }
  }

  /** A variable is there. What does not fit the network is left alone: {@link checkSlimVariables} will name it. */
  arrived(variable: string, sofar: WeightMap): void {
    const name = convolutionOf(variable);
    const shapes = this.#variables.get(name);
    if (!shapes || this.#done.has(name)) return;
    for (const [needed, shape] of shapes) if (sofar.get(needed)?.shape.join() !== shape.join()) return;
    // Of another type there will be a copy, which is made once.
    if (!(sofar.get(`${name}/weights`)!.data instanceof Float32Array)) return;
    this.folded(name, sofar);
    this.#done.add(name);
  }

  /** To be asked once for each convolution, when all variables are there and fit. */
  folded(name: string, weights: WeightMap): FoldedFilter {
    const { scale, offset } = slimScaleAndOffset(this.network, `${name}/BatchNorm`, weights);
    const filter = toFloat32(weights.get(`${name}/weights`)!);
    if (!this.#done.has(name)) scaleFilters(filter, scale);
    return { filter, offset };
  }
}

/** The convolution that a variable is of, if it is of one with a batch norm. */
function convolutionOf(variable: string): string {
  const at = variable.endsWith('/weights') ? variable.length - '/weights'.length : variable.lastIndexOf('/BatchNorm/');
  return variable.slice(0, Math.max(0, at));
}

/** The filters run fastest. Several a step, whose bounds V8 checks once, take half the time. */
function scaleFilters(values: Float32Array, scale: Float32Array): void {
  const filters = scale.length;
  const even = filters - (filters % 4);
  for (let at = 0; at < values.length; at += filters) {
    let i = 0;
    for (; i < even; i += 4) {
      const to = at + i;
      values[to]! *= scale[i]!;
      values[to + 1]! *= scale[i + 1]!;
      values[to + 2]! *= scale[i + 2]!;
      values[to + 3]! *= scale[i + 3]!;
    }
    for (; i < filters; i++) values[at + i]! *= scale[i]!;
  }
}
