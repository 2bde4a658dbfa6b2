/** The entropy-coded bytes of one scan without their stuffing, in the parts that restart markers make of them. */
export interface ScanData {
  /** All parts, one after another, and then PAST_END bytes of zero. */
  readonly bytes: Buffer;
  /** Where each part ends. */
  readonly ends: readonly number[];
  /** Of the file: the marker behind the scan, or the file's end. */
  readonly next: number;
}

/** What a unit of blocks can read beyond the data's end before that is found: ten blocks of 64 codes of up to 32 bits. */
const PAST_END = 4096;

/** The memory that the data of any scan of a file take, one at a time. */
export function scanBytes(fileBytes: number): number {
  return fileBytes + PAST_END;
}

/**
 * Takes the data of a scan out of a file (ITU-T T.81, B.1.1.5, E.1.4).
 *
 * @param start behind the scan's header
 * @param restarting whether restart markers may stand in it
 * @param bytes memory of {@link scanBytes}
 * @throws Error where they are out of order, or out of place
 */
export function scanData(file: Buffer, start: number, restarting: boolean, bytes: Buffer): ScanData {
  const ends: number[] = [];
  let length = 0;
  let from = start;
  const take = (end: number) => {
    file.copy(bytes, length, from, end);
    length += end - from;
  };
  const finish = (next: number): ScanData => {
    ends.push(length);
    bytes.fill(0, length, length + PAST_END);
    return { bytes: bytes.subarray(0, length + PAST_END), ends, next };
  };
  for (;;) {
    const at = file.indexOf(0xff, from);
    if (at < 0) {
      take(file.length);
      return finish(file.length);
    }
    let mark = at + 1;
    while (file[mark] === 0xff) mark++;
    const marker = file[mark];
    if (marker === 0) {
      take(at + 1);
      from = mark + 1;
      continue;
    }
    take(at);
    if (marker === undefined) return finish(file.length);
    if (marker < 0xd0 || marker > 0xd7) return finish(at);
    if (!restarting || marker !== 0xd0 + (ends.length & 7))
      throw new Error(`the restart marker at byte ${at} is out of ${restarting ? 'order' : 'place'}`);
    ends.push(length);
    from = mark + 1;
  }
}
