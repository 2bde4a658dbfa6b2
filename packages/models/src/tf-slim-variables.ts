import { ShieldError, sizeOf, toFloat32, type WeightMap } from '@shield/core';
import type { Kernel, SlimNetwork, SlimOps } from './tf-slim-ops.js';

const BATCH_NORM = ['beta', 'moving_mean', 'moving_variance'] as const;

/** A convolution or classifier of a network, by its scope. */
export interface SlimLayer {
  readonly scope: string;
  /** [height, width, in, out]; [in, out] for a classifier that is a matrix. */
  readonly shape: readonly number[];
  readonly then: 'batch norm' | 'bias';
}

/** A batch norm that stands alone. */
export interface SlimNorm {
  readonly scope: string;
  readonly channels: number;
}

export interface SlimParts {
  readonly layers: readonly SlimLayer[];
  readonly norms: readonly SlimNorm[];
}

/** Everything with variables that an image meets in a network. A size of the classifier that only weights tell is `classes`. */
export function slimParts(network: SlimNetwork, classes: number): SlimParts {
  const layers: SlimLayer[] = [];
  const norms: SlimNorm[] = [];
  // An image is here no more than its number of channels.
  const lister: SlimOps<number> = {
    convolution(channels, scope, filters, [height, width]: Kernel, options = {}) {
      const then = options.then === 'bias' ? 'bias' : 'batch norm';
      layers.push({ scope, shape: [height, width, channels, filters], then });
      return filters;
    },
    batchNormRelu(channels, scope) {
      norms.push({ scope, channels });
      return channels;
    },
    logits(channels, scope, weights) {
      const shape = weights === 'matrix' ? [channels, classes] : [1, 1, channels, classes];
      layers.push({ scope, shape, then: 'bias' });
      return classes;
    },
    maxPool: (channels) => channels,
    averagePool: (channels) => channels,
    add: (channels) => channels,
    concatenate: (parts) => parts.reduce((sum, channels) => sum + channels, 0),
    globalPool: (channels) => channels,
    endPoint: (_, channels) => channels,
  };
  network.forward(lister, 3);
  return { layers, norms };
}

/** Shape of every variable by its name in the checkpoint. */
export function slimVariables(network: SlimNetwork, classes: number): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const norm = (scope: string, channels: number) => {
    for (const leaf of [...(network.gamma ? ['gamma'] : []), ...BATCH_NORM]) shapes.set(`${scope}/${leaf}`, [channels]);
  };
  const { layers, norms } = slimParts(network, classes);
  for (const { scope, shape, then } of layers) {
    const name = `${network.scope}/${scope}`;
    shapes.set(`${name}/weights`, shape);
    if (then === 'bias') shapes.set(`${name}/biases`, [shape.at(-1)!]);
    else norm(`${name}/BatchNorm`, shape.at(-1)!);
  }
  for (const { scope, channels } of norms) norm(`${network.scope}/${scope}`, channels);
  return shapes;
}

/** How many classes these weights tell apart. */
export function slimClasses(network: SlimNetwork, weights: WeightMap): number {
  const { layers } = slimParts(network, 1);
  return weights.get(`${network.scope}/${layers.at(-1)!.scope}/biases`)?.shape[0] ?? 0;
}

/**
 * Every variable that is missing or has another shape, at once.
 *
 * @param path for the message
 * @throws WEIGHTS_INVALID
 */
export function checkSlimVariables(
  shapes: ReadonlyMap<string, readonly number[]>,
  weights: WeightMap,
  path: string,
): void {
  const missing: string[] = [];
  const misshaped: string[] = [];
  for (const [name, shape] of shapes) {
    const found = weights.get(name)?.shape;
    if (!found) missing.push(name);
    else if (sizeOf(shape) === 0 || found.join() !== shape.join()) {
      misshaped.push(`${name} has shape [${found.join(', ')}], not [${shape.join(', ')}]`);
    }
  }
  if (missing.length + misshaped.length === 0) return;
  const reason = [
    ...(missing.length > 0 ? [`${missing.length} of ${shapes.size} variables are missing: ${some(missing)}`] : []),
    ...(misshaped.length > 0 ? [some(misshaped)] : []),
  ].join('; ');
  const expected =
    'give weights of this very network, as tf-slim names them (shield weights inspect lists what a file holds)';
  throw new ShieldError('WEIGHTS_INVALID', { path, reason, expected });
}

/** The first few, and how many more. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/**
 * A batch norm as y = scale · x + offset: scale = γ / √(σ² + ε), offset = β − μ · scale.
 *
 * @param scope with the network's own
 */
export function slimScaleAndOffset(
  network: SlimNetwork,
  scope: string,
  weights: WeightMap,
): { scale: Float32Array; offset: Float32Array } {
  const values = (leaf: string) => toFloat32(weights.get(`${scope}/${leaf}`)!);
  const variance = values('moving_variance');
  const gamma = network.gamma ? values('gamma') : undefined;
  const scale = variance.map((value, i) => (gamma?.[i] ?? 1) / Math.sqrt(value + network.epsilon));
  const mean = values('moving_mean');
  return { scale, offset: values('beta').map((beta, i) => beta - mean[i]! * scale[i]!) };
}
