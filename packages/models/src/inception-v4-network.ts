import type { Kernel, SlimNetwork, SlimOps } from './tf-slim-ops.js';

/** One convolution of a branch: its scope's last part, its filters; the kernel's size stands in the scope. */
type Layer = readonly [scope: string, filters: number];

const STRIDED = { stride: 2, padding: 'valid' } as const;

/**
 * Inception-v4 (Szegedy et al., AAAI 2017, arXiv:1602.07261) as tf-slim has it (models/research/slim,
 * nets/inception_v4.py), without the auxiliary classifier, which serves training only.
 */
export const inceptionV4: SlimNetwork = {
  scope: 'InceptionV4',
  gamma: false,
  epsilon: 1e-3,
  dropout: 0.2,
  forward: <X>(ops: SlimOps<X>, images: X): X => {
    let x = ops.convolution(images, 'Conv2d_1a_3x3', 32, [3, 3], STRIDED);
    ops.endPoint('Conv2d_1a_3x3', x);
    x = ops.convolution(x, 'Conv2d_2a_3x3', 32, [3, 3], { padding: 'valid' });
    x = ops.endPoint('Conv2d_2b_3x3', ops.convolution(x, 'Conv2d_2b_3x3', 64, [3, 3]));
    const network = new Blocks(ops);
    x = network.mixed3a(x);
    x = network.mixed4a(x);
    x = network.mixed5a(x);
    for (const letter of 'bcde') x = network.inceptionA(x, `Mixed_5${letter}`);
    x = network.reductionA(x, 'Mixed_6a');
    for (const letter of 'bcdefgh') x = network.inceptionB(x, `Mixed_6${letter}`);
    x = network.reductionB(x, 'Mixed_7a');
    for (const letter of 'bcd') x = network.inceptionC(x, `Mixed_7${letter}`);
    return ops.logits(ops.endPoint('global_pool', ops.globalPool(x)), 'Logits/Logits', 'matrix');
  },
};

class Blocks<X> {
  constructor(private readonly ops: SlimOps<X>) {}

  mixed3a(x: X): X {
    const { ops } = this;
    const filtered = ops.convolution(x, 'Mixed_3a/Branch_1/Conv2d_0a_3x3', 96, [3, 3], STRIDED);
    return this.#mixed('Mixed_3a', [this.#halved(x), filtered]);
  }

  mixed4a(x: X): X {
    const last = (before: X, branch: string) =>
      this.ops.convolution(before, `Mixed_4a/${branch}/Conv2d_1a_3x3`, 96, [3, 3], { padding: 'valid' });
    const first = this.#chain(x, 'Mixed_4a/Branch_0', [['Conv2d_0a_1x1', 64]]);
    const second = this.#chain(x, 'Mixed_4a/Branch_1', [
      ['Conv2d_0a_1x1', 64],
      ['Conv2d_0b_1x7', 64],
      ['Conv2d_0c_7x1', 64],
    ]);
    return this.#mixed('Mixed_4a', [last(first, 'Branch_0'), last(second, 'Branch_1')]);
  }

  mixed5a(x: X): X {
    const filtered = this.ops.convolution(x, 'Mixed_5a/Branch_0/Conv2d_1a_3x3', 192, [3, 3], STRIDED);
    return this.#mixed('Mixed_5a', [filtered, this.#halved(x)]);
  }

  inceptionA(x: X, scope: string): X {
    return this.#mixed(scope, [
      this.#chain(x, `${scope}/Branch_0`, [['Conv2d_0a_1x1', 96]]),
      this.#chain(x, `${scope}/Branch_1`, [
        ['Conv2d_0a_1x1', 64],
        ['Conv2d_0b_3x3', 96],
      ]),
      this.#chain(x, `${scope}/Branch_2`, [
        ['Conv2d_0a_1x1', 64],
        ['Conv2d_0b_3x3', 96],
        ['Conv2d_0c_3x3', 96],
      ]),
      this.#chain(this.ops.averagePool(x), `${scope}/Branch_3`, [['Conv2d_0b_1x1', 96]]),
    ]);
  }

  reductionA(x: X, scope: string): X {
    const deep = this.#chain(x, `${scope}/Branch_1`, [
      ['Conv2d_0a_1x1', 192],
      ['Conv2d_0b_3x3', 224],
    ]);
    return this.#mixed(scope, [
      this.ops.convolution(x, `${scope}/Branch_0/Conv2d_1a_3x3`, 384, [3, 3], STRIDED),
      this.ops.convolution(deep, `${scope}/Branch_1/Conv2d_1a_3x3`, 256, [3, 3], STRIDED),
      this.#halved(x),
    ]);
  }

  inceptionB(x: X, scope: string): X {
    return this.#mixed(scope, [
      this.#chain(x, `${scope}/Branch_0`, [['Conv2d_0a_1x1', 384]]),
      this.#chain(x, `${scope}/Branch_1`, [
        ['Conv2d_0a_1x1', 192],
        ['Conv2d_0b_1x7', 224],
        ['Conv2d_0c_7x1', 256],
      ]),
      this.#chain(x, `${scope}/Branch_2`, [
        ['Conv2d_0a_1x1', 192],
        ['Conv2d_0b_7x1', 192],
        ['Conv2d_0c_1x7', 224],
        ['Conv2d_0d_7x1', 224],
        ['Conv2d_0e_1x7', 256],
      ]),
      this.#chain(this.ops.averagePool(x), `${scope}/Branch_3`, [['Conv2d_0b_1x1', 128]]),
    ]);
  }

  reductionB(x: X, scope: string): X {
    const first = this.#chain(x, `${scope}/Branch_0`, [['Conv2d_0a_1x1', 192]]);
    const second = this.#chain(x, `${scope}/Branch_1`, [
      ['Conv2d_0a_1x1', 256],
      ['Conv2d_0b_1x7', 256],
      ['Conv2d_0c_7x1', 320],
    ]);
    return this.#mixed(scope, [
      this.ops.convolution(first, `${scope}/Branch_0/Conv2d_1a_3x3`, 192, [3, 3], STRIDED),
      this.ops.convolution(second, `${scope}/Branch_1/Conv2d_1a_3x3`, 320, [3, 3], STRIDED),
      this.#halved(x),
    ]);
  }

  inceptionC(x: X, scope: string): X {
    const second = this.#chain(x, `${scope}/Branch_1`, [['Conv2d_0a_1x1', 384]]);
    const third = this.#chain(x, `${scope}/Branch_2`, [
      ['Conv2d_0a_1x1', 384],
      ['Conv2d_0b_3x1', 448],
      ['Conv2d_0c_1x3', 512],
    ]);
    return this.#mixed(scope, [
      this.#chain(x, `${scope}/Branch_0`, [['Conv2d_0a_1x1', 256]]),
      this.#chain(second, `${scope}/Branch_1`, [['Conv2d_0b_1x3', 256]]),
      this.#chain(second, `${scope}/Branch_1`, [['Conv2d_0c_3x1', 256]]),
      this.#chain(third, `${scope}/Branch_2`, [['Conv2d_0d_1x3', 256]]),
      this.#chain(third, `${scope}/Branch_2`, [['Conv2d_0e_3x1', 256]]),
      this.#chain(this.ops.averagePool(x), `${scope}/Branch_3`, [['Conv2d_0b_1x1', 256]]),
    ]);
  }

  /** Convolutions of stride 1, one after another. */
  #chain(x: X, branch: string, layers: readonly Layer[]): X {
    return layers.reduce((before, [scope, filters]) => {
      const kernel = scope.slice(-3).split('x').map(Number) as unknown as Kernel;
      return this.ops.convolution(before, `${branch}/${scope}`, filters, kernel);
    }, x);
  }

  #halved(x: X): X {
    return this.ops.maxPool(x, 3, 2, 'valid');
  }

  #mixed(scope: string, branches: readonly X[]): X {
    return this.ops.endPoint(scope, this.ops.concatenate(branches));
  }
}
