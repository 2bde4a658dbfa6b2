import { JpegTables, readFrame, type JpegFrame } from '@shield/core/jpeg';

/** What the markers of a JPEG file say (ITU-T T.81, annex B). */
export interface JpegStructure {
  readonly height: number;
  readonly width: number;
  /** 1 grey, 3 colours, 4 inks. */
  readonly components: number;
}

const [SOI, EOI, SOS, DQT, DHT, DRI, COM] = [0xd8, 0xd9, 0xda, 0xdb, 0xc4, 0xdd, 0xfe];
const isRestart = (marker: number) => marker >= 0xd0 && marker <= 0xd7;
/** Baseline, extended, progressive: what decoders of photos know. */
const isKnownFrame = (marker: number) => marker >= 0xc0 && marker <= 0xc2;
/** What may stand in a file beside its ends: frames, tables, scans, and what applications and people note. */
const isKnown = (marker: number) =>
  [SOS, DQT, DHT, DRI, COM].includes(marker) || isKnownFrame(marker) || (marker >= 0xe0 && marker <= 0xef);

/**
 * Walks through a JPEG file from marker to marker, through its tables, and through its scans for the bytes that may stand
 * in them, up to its end mark: some hundred times faster than decoding it. Finds files that are cut off or whose parts do
 * not fit together, not a changed bit in a scan (nor does a decoder, but by chance).
 *
 * @returns undefined where anything is out of the ordinary; whether it can be read all the same a decoder must say
 */
export function jpegStructure(bytes: Buffer): JpegStructure | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== SOI) return undefined;
  let frame: JpegFrame | undefined;
  const tables = new JpegTables();
  let scans = 0;
  for (let at = 2; ;) {
    if (bytes[at] !== 0xff) return undefined;
    while (bytes[at + 1] === 0xff) at++;
    const marker = bytes[at + 1];
    if (marker === undefined) return undefined;
    if (marker === EOI) return frame && scans > 0 ? frame : undefined;
    if (!isKnown(marker)) return undefined;
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readUInt16BE(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return undefined;
    if (isKnownFrame(marker)) {
      if (frame) return undefined;
      frame = readFrame(marker, bytes.subarray(at + 4, end));
      if (!frame) return undefined;
    }
    const content = bytes.subarray(at + 4, end);
    if (marker === DQT && !tables.quantization(content)) return undefined;
    if (marker === DHT && !tables.huffman(content)) return undefined;
    if (marker === DRI && !tables.restarts(content)) return undefined;
    at = end;
    if (marker !== SOS) continue;
    if (!frame || !tables.scan(content, frame)) return undefined;
    scans++;
    at = endOfScan(bytes, end, tables.interval > 0);
    if (at < 0) return undefined;
  }
}

/** The marker behind a scan: the first FF that is neither stuffed nor a restart; -1 where there is none. */
function endOfScan(bytes: Buffer, start: number, restarting: boolean): number {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    if (next === undefined) return -1;
    if (isRestart(next) && !restarting) return -1;
    if (next !== 0 && next !== 0xff && !isRestart(next)) return at;
  }
  return -1;
}
