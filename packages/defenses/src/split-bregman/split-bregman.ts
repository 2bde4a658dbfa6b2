import { kernelSweeper } from './kernel.js';
import { referenceSweeper } from './reference.js';
import type { Sweeper } from './sweeper.js';

export interface SplitBregmanOptions {
  /** How much the image counts against its total variation; above 0. */
  readonly weight: number;
  /** Ends when the root mean square of the last change is not above this. */
  readonly eps: number;
  readonly maxIterations: number;
  /** Length of the gradient (true), or the sum of its two components (false), as total variation. */
  readonly isotropic: boolean;
  /** Whether all channels stop at the mean of their changes, or each at its own. */
  readonly stopTogether: boolean;
}

/**
 * Minimises TV(u) + weight/2 ‖u - image‖² by split Bregman (Goldstein and Osher 2009, sections 4.1 and 4.2; the sweep of
 * Getreuer, IPOL 2012): each pixel in turn gets its Gauss-Seidel update, then its gradient is shrunk. One pixel around
 * the image is held to the image: above and on the left its second row or column, below and on the right its last, as
 * scikit-image has it, whose numbers these are. The isotropic shrinking is its smooth one, s λ / (s λ + 1) of the
 * gradient for a length s, in place of max(s - 1/λ, 0) / s.
 *
 * @param image [height, width, 3] row by row
 * @param open who does the sweeps; by default WebAssembly where it can be had
 * @returns an image of the same form, and the sweeps that each channel took
 */
export function splitBregman(
  image: Float32Array,
  height: number,
  width: number,
  { weight, eps, maxIterations, isotropic, stopTogether }: SplitBregmanOptions,
  open: (height: number, width: number) => Sweeper = anySweeper,
): { readonly data: Float32Array; readonly iterations: readonly number[] } {
  const sweeper = open(height, width);
  frame(image, height, width, sweeper.u);
  sweeper.begin(weight);
  const data = image.slice();
  const iterations = [0, 0, 0];
  let going = [0, 1, 2];
  for (let sweep = 1; sweep <= maxIterations && going.length > 0; sweep++) {
    const sums = sweeper.sweep(isotropic);
    const change = (squares: number, count: number) => Math.sqrt(squares / (height * width * count));
    const together = change(sums[0]! + sums[1]! + sums[2]!, 3);
    const done = going.filter(
      (channel) => sweep === maxIterations || !((stopTogether ? together : change(sums[channel]!, 1)) > eps),
    );
    for (const channel of done) {
      takeOut(sweeper.u, channel, height, width, data);
      iterations[channel] = sweep;
    }
    going = going.filter((channel) => !done.includes(channel));
  }
  return { data, iterations };
}

function anySweeper(height: number, width: number): Sweeper {
  return kernelSweeper(height, width) ?? referenceSweeper(height, width);
}

/** The image with a pixel around it, four floats a pixel. */
function frame(image: Float32Array, height: number, width: number, u: Float32Array): void {
  // Above row 0 stands row 1 (where there is one), below the last row the last again; likewise for columns.
  const source = (at: number, length: number) => (at === 0 ? Math.min(1, length - 1) : Math.min(at, length) - 1);
  for (let y = 0, to = 0; y < height + 2; y++) {
    const row = source(y, height) * width;
    for (let x = 0; x < width + 2; x++, to += 4) {
      const from = (row + source(x, width)) * 3;
      u[to] = image[from]!;
      u[to + 1] = image[from + 1]!;
      u[to + 2] = image[from + 2]!;
      u[to + 3] = 0;
    }
  }
}

function takeOut(u: Float32Array, channel: number, height: number, width: number, data: Float32Array): void {
  for (let y = 0, to = channel; y < height; y++) {
    let from = ((y + 1) * (width + 2) + 1) * 4 + channel;
    for (let x = 0; x < width; x++, to += 3, from += 4) data[to] = u[from]!;
  }
}
