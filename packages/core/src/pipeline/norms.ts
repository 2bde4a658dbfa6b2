/** Distances between an image and its adversarial version, over flat float32 pixels in [0, 1]. */
export interface Distances {
  /** Pixels (all channels together) that differ. */
  readonly l0: number;
  /** Σ|adv − clean| over all values, channels apart. */
  readonly l1: number;
  readonly l2: number;
  readonly linf: number;
  /** ‖adv − clean‖₂ / ‖clean‖₂ on [0, 1]. */
  readonly normalizedL2: number;
  /** ‖adv − clean‖₂ / ‖clean‖₂ on [−1, 1], as the original's tables have it. */
  readonly normalizedL2Original: number;
}

export function distances(clean: Float32Array, adversarial: Float32Array): Distances {
  let l0 = 0;
  let l1 = 0;
  let squares = 0;
  let linf = 0;
  let cleanSquares = 0;
  let cleanSquaresOriginal = 0;
  for (let i = 0; i < clean.length; i += 3) {
    let changed = false;
    for (let c = i; c < i + 3; c++) {
      const value = clean[c]!;
      const difference = adversarial[c]! - value;
      if (difference !== 0) changed = true;
      l1 += Math.abs(difference);
      squares += difference * difference;
      linf = Math.max(linf, Math.abs(difference));
      cleanSquares += value * value;
      cleanSquaresOriginal += (2 * value - 1) ** 2;
    }
    if (changed) l0++;
  }
  return {
    l0,
    l1,
    l2: Math.sqrt(squares),
    linf,
    normalizedL2: ratio(Math.sqrt(squares), Math.sqrt(cleanSquares)),
    normalizedL2Original: ratio(2 * Math.sqrt(squares), Math.sqrt(cleanSquaresOriginal)),
  };
}

/** 0 where nothing changed, also on an all-black image. */
function ratio(change: number, norm: number): number {
  return change === 0 ? 0 : change / norm;
}
