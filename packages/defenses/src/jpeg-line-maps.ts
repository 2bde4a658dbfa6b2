import { samplingFactors } from './jpeg-kernel/sampling.js';
import { roundUp } from './jpeg-kernel/plane.js';
import type { Subsampling } from './jpeg-kernel/settings.js';
import { compose, cutting, type LineMap } from './separable.js';

/*
 * All that baseline JPEG does to lines but for rounding, as maps for `separable`: from samples to DCT coefficients, block
 * by block, and back, with chroma averaged on the way and spread again by libjpeg's filters.
 */

/** Maps of one component's rows or columns. */
export interface LineCoding {
  readonly forward: LineMap;
  readonly inverse: LineMap;
}

/** Maps of one component: down its columns, and across its rows. */
export interface PlaneCoding {
  readonly rows: LineCoding;
  readonly columns: LineCoding;
}

const KEPT = 16;
const cache = new Map<string, { readonly luma: PlaneCoding; readonly chroma: PlaneCoding }>();

/** For images of one size, height and width in pixels; kept for the sizes used last. */
export function planeCodings(
  height: number,
  width: number,
  subsampling: Subsampling,
): { readonly luma: PlaneCoding; readonly chroma: PlaneCoding } {
  const key = `${height} ${width} ${subsampling}`;
  const known = cache.get(key);
  if (known) return known;
  const { down, across } = samplingFactors(subsampling);
  // libjpeg's triangle filter needs three columns of chroma; with fewer, samples just repeat, down as well.
  const triangle = across === 2 && Math.ceil(width / across) > 2;
  const made = {
    luma: { rows: lineCoding(height, 1, false, false), columns: lineCoding(width, 1, false, false) },
    chroma: { rows: lineCoding(height, down, triangle, false), columns: lineCoding(width, across, triangle, true) },
  };
  if (cache.size === KEPT) cache.delete(cache.keys().next().value!);
  cache.set(key, made);
  return made;
}

/** @param repeatFirst whether whole blocks are filled by samples of full resolution (across), or by averages (down) */
function lineCoding(length: number, factor: 1 | 2, triangle: boolean, repeatFirst: boolean): LineCoding {
  const samples = Math.ceil(length / factor);
  const whole = roundUp(samples, 8);
  const averaged = repeatFirst
    ? compose(averaging(whole, factor), edging(length, whole * factor))
    : compose(edging(samples, whole), compose(averaging(samples, factor), edging(length, samples * factor)));
  const decoded = compose(cutting(whole, 0, samples), transposed(dct(whole)));
  return {
    forward: compose(dct(whole), averaged),
    inverse: compose(spreading(samples, length, factor, triangle), decoded),
  };
}

/** Orthonormal DCT-II of each 8 samples (ITU T.81, A.3.3, in one direction). */
function dct(length: number): LineMap {
  return lineMap(length, length, (i, k) => {
    if (i >> 3 !== k >> 3) return 0;
    const [frequency, sample] = [i & 7, k & 7];
    const size = frequency === 0 ? Math.SQRT1_2 / 2 : 0.5;
    return size * Math.cos(((2 * sample + 1) * frequency * Math.PI) / 16);
  });
}

/** The line, its last sample repeated. */
function edging(from: number, to: number): LineMap {
  return lineMap(from, to, (i, k) => (k === Math.min(i, from - 1) ? 1 : 0));
}

function averaging(to: number, factor: 1 | 2): LineMap {
  return lineMap(to * factor, to, (i, k) => (Math.floor(k / factor) === i ? 1 / factor : 0));
}

/** Each sample `factor` times, or the nearer one weighed 3/4 and the farther 1/4, the first and last repeated outside. */
function spreading(from: number, to: number, factor: 1 | 2, triangle: boolean): LineMap {
  return lineMap(from, to, (i, k) => {
    const near = Math.floor(i / factor);
    if (factor === 1 || !triangle) return k === near ? 1 : 0;
    const far = Math.min(Math.max(near + (i & 1 ? 1 : -1), 0), from - 1);
    return (k === near ? 0.75 : 0) + (k === far ? 0.25 : 0);
  });
}

function transposed({ weights, from, to }: LineMap): LineMap {
  return lineMap(to, from, (i, k) => weights[k * from + i]!);
}

function lineMap(from: number, to: number, weight: (i: number, k: number) => number): LineMap {
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) for (let k = 0; k < from; k++) weights[i * from + k] = weight(i, k);
  return { weights, from, to };
}
