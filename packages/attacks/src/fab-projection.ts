/** The half-space {z : ⟨w, z − x⟩ = gap} that a change is to reach; `norm` is what its length is measured in. */
export interface Plane {
  readonly normal: Float32Array;
  readonly gap: number;
  readonly norm: 'linf' | 'l2' | 'l1';
}

/**
 * The smallest change that takes a point of [0, 1]ᵈ onto a hyperplane without leaving the box (Croce and Hein 2020b,
 * section 2.2 and appendix A): δᵢ = ±min(t·sᵢ, roomᵢ), towards the plane, with s = 1 (linf) or |w| (l2), and t such that
 * ⟨w, δ⟩ = gap. What is left of the gap is a concave, piecewise linear function of t, so Newton's method from t = 0
 * comes from one side and ends at the exact root after as many steps as it meets pieces; the authors sort the pieces. In
 * l1, values move as far as the box lets them, those of the largest |w| first.
 *
 * @param x in [0, 1]; not written to
 * @returns the change; where the box does not meet the plane, the one that comes nearest to it
 */
export function project(x: Float32Array, { normal, gap, norm }: Plane): Float64Array {
  const change = new Float64Array(x.length);
  if (gap === 0 || !Number.isFinite(gap)) return change;
  const side = Math.sign(gap);
  const distance = Math.abs(gap);
  if (norm === 'l1') return projectInOrder(x, normal, side, distance);
  let t = 0;
  for (;;) {
    let reached = 0;
    let slope = 0;
    for (let i = 0; i < x.length; i++) {
      const w = side * normal[i]!;
      const weight = Math.abs(w);
      const speed = norm === 'linf' ? 1 : weight;
      const room = w > 0 ? 1 - x[i]! : x[i]!;
      if (t * speed < room) {
        reached += weight * t * speed;
        slope += weight * speed;
      } else {
        reached += weight * room;
      }
    }
    // No pixel has room left, or rounding has the last word.
    if (!(slope > 0)) break;
    const next = t + (distance - reached) / slope;
    if (!(next > t * (1 + 1e-12))) break;
    t = next;
  }
  for (let i = 0; i < x.length; i++) {
    const w = side * normal[i]!;
    if (w === 0) continue;
    const room = w > 0 ? 1 - x[i]! : x[i]!;
    change[i] = Math.sign(w) * Math.min(norm === 'linf' ? t : t * Math.abs(w), room);
  }
  return change;
}

/** In l1: finds the |w| down to which values must move, by bisection over the bits of floats, which are in their order. */
function projectInOrder(x: Float32Array, normal: Float32Array, side: number, distance: number): Float64Array {
  const weights = normal.map(Math.abs);
  const bits = new Uint32Array(weights.buffer);
  const room = Float64Array.from(x, (value, i) => (side * normal[i]! > 0 ? 1 - value : value));
  const reached = (least: number) => {
    let sum = 0;
    for (let i = 0; i < bits.length; i++) if (bits[i]! >= least) sum += weights[i]! * room[i]!;
    return sum;
  };
  let [low, high] = [1, bits.reduce((a, b) => Math.max(a, b), 1)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (reached(middle) >= distance) low = middle;
    else high = middle - 1;
  }
  const change = new Float64Array(x.length);
  let left = distance - reached(low + 1);
  for (let i = 0; i < x.length; i++) {
    if (!(bits[i]! >= low)) continue;
    // Values of the last |w| move in their order, as far as is still needed.
    const last = bits[i] === low;
    const move = last ? Math.min(room[i]!, Math.max(0, left) / weights[i]!) : room[i]!;
    if (last) left -= move * weights[i]!;
    change[i] = side * Math.sign(normal[i]!) * move;
  }
  return change;
}

/** The length of a change in a norm. */
export function lengthOf(change: ArrayLike<number>, norm: Plane['norm']): number {
  let length = 0;
  for (let i = 0; i < change.length; i++) {
    const size = Math.abs(change[i]!);
    if (norm === 'linf') length = Math.max(length, size);
    else length += norm === 'l2' ? size * size : size;
  }
  return norm === 'l2' ? Math.sqrt(length) : length;
}
