/*
 * Arrays for batches of images, each for as long as its batch is worked on. Fresh ones of this size are new pages of the system
 * every time, and writing to those for the first time costs several times what writing to them again does.
 */

/** What an evaluation has in hand at once: a batch being judged, and the next one. */
const KEPT = 4;

const idle: Float32Array<ArrayBuffer>[] = [];

/** An array of this length, its content of no account. */
export function borrowPixels(length: number): Float32Array<ArrayBuffer> {
  const at = idle.findIndex((array) => array.length === length);
  return at < 0 ? new Float32Array(length) : idle.splice(at, 1)[0]!;
}

/** Gives an array of {@link borrowPixels} back, which nobody looks at any more. */
export function returnPixels(pixels: Float32Array): void {
  idle.push(pixels as Float32Array<ArrayBuffer>);
  if (idle.length > KEPT) idle.shift();
}
