/** Arrays of V8 this small are made of pages that were used before. */
const LARGE = 4 * 2 ** 20;

/**
 * Where a large array of V8 begins in its page, behind the note that glibc keeps before it. Where this is not so (another C
 * library), whoever reckons with it copies, and nothing else is different.
 */
const BEHIND_NOTE = 16;

export interface LargeMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The address of the first byte, modulo 4096. */
  readonly start: number;
}

let provided: ((bytes: number) => ArrayBuffer | undefined) | undefined;

/** Told by the native backend, whose addon can ask the system for large pages. */
export function provideLargeMemory(give: (bytes: number) => ArrayBuffer | undefined): void {
  provided = give;
}

/** Zeros, in pages of 2 MB where the native backend is loaded and the system has such. Pages are taken as they are written. */
export function largeMemory(length: number): LargeMemory {
  const buffer = length >= LARGE ? provided?.(length) : undefined;
  if (buffer) return { bytes: new Uint8Array(buffer), start: 0 };
  return { bytes: new Uint8Array(length), start: BEHIND_NOTE };
}
