/** Height and width. */
export type Kernel = readonly [height: number, width: number];

export interface ConvolutionOptions {
  readonly stride?: number;
  /**
   * `fixed`: as many zeros on both sides, (k − 1) / 2, whatever the stride (tf-slim's `conv2d_same`). tf-slim's `same`
   * puts the odd one behind.
   */
  readonly padding?: 'same' | 'valid' | 'fixed';
  /** Batch norm and ReLU (tf-slim's default in both families), or a bias and nothing after it. */
  readonly then?: 'batch norm, relu' | 'bias';
}

/**
 * What tf-slim's networks are made of. A network is a function of these and is written once: one implementation lists
 * its variables, another computes with folded batch norms. Scopes are those of the checkpoints.
 */
export interface SlimOps<X> {
  convolution(x: X, scope: string, filters: number, kernel: Kernel, options?: ConvolutionOptions): X;
  batchNormRelu(x: X, scope: string): X;
  maxPool(x: X, size: number, stride: number, padding: 'same' | 'valid'): X;
  /** 3×3, stride 1, as large as the input; what lies outside of the image does not count. */
  averagePool(x: X): X;
  add(a: X, b: X): X;
  concatenate(parts: readonly X[]): X;
  /** The mean over height and width, which stay as 1 and 1. */
  globalPool(x: X): X;
  /** A layer over channels whose size the weights tell: the classes. */
  logits(x: X, scope: string, weights: 'convolution' | 'matrix'): X;
  /** Tells that `x` is what tf-slim calls `name`; gives `x` back. */
  endPoint(name: string, x: X): X;
}

/** A network of tf-slim. */
export interface SlimNetwork {
  /** What its variables begin with. */
  readonly scope: string;
  /** Whether its batch norms have a γ. */
  readonly gamma: boolean;
  readonly epsilon: number;
  /** Share of the classifier's inputs that tf-slim zeroes in training; 0 where there is no dropout. */
  readonly dropout: number;
  forward<X>(ops: SlimOps<X>, images: X): X;
}
