/**
 * Who does the sweeps of split Bregman over one image: WebAssembly, or plain TypeScript with the same numbers.
 * `u` is the image with a pixel around it, [height + 2, width + 2, 4] in 32-bit floats; of the four channels three are
 * used. What stands on the frame is never changed.
 */
export interface Sweeper {
  readonly u: Float32Array;
  /** To be called once, when `u` is filled: what is there is the image to stay near to. */
  begin(weight: number): void;
  /** One sweep; gives the sum of squared changes of each channel (valid until the next sweep). */
  sweep(isotropic: boolean): ArrayLike<number>;
}
