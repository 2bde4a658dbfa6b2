/** Interleaved RGB, row by row: `data.length === height * width * 3`. Floats are in [0, 1], bytes in 0-255. */
export interface Image<D extends Uint8Array | Float32Array = Uint8Array | Float32Array> {
  readonly data: D;
  readonly height: number;
  readonly width: number;
}
export type ByteImage = Image<Uint8Array>;
export type FloatImage = Image<Float32Array>;
