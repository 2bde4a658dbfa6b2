/** One component, 8 bits a sample, row by row. */
export interface Plane {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

export function plane(height: number, width: number): Plane {
  return { data: new Uint8Array(height * width), height, width };
}

/** The plane cut, or grown by repeating its last column and row, to another size. */
export function resizeByEdge(source: Plane, height: number, width: number): Plane {
  const out = plane(height, width);
  for (let y = 0; y < height; y++) {
    const row = Math.min(y, source.height - 1) * source.width;
    for (let x = 0; x < width; x++) out.data[y * width + x] = source.data[row + Math.min(x, source.width - 1)]!;
  }
  return out;
}

/** The least multiple of `step` that is not below `length`. */
export function roundUp(length: number, step: number): number {
  return Math.ceil(length / step) * step;
}
