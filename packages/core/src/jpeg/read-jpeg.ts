import { componentsOf } from './component.js';
import type { decodeScan, FrameBlocks } from './decode-scan.js';
import { scanData } from './scan-data.js';
import { JpegTables, readFrame, type JpegFrame } from './tables.js';

/** What a JPEG file holds, its entropy coding undone. */
export interface JpegFile extends FrameBlocks {
  readonly frame: JpegFrame;
  /** Of each component, row by row. */
  readonly steps: readonly Uint16Array[];
  readonly colours: ColourMarks;
}

/** What a file says of its colours. */
export interface ColourMarks {
  readonly jfif: boolean;
  /** The colour transform of Adobe's marker, where there is one. */
  readonly adobe: number | undefined;
}

/** Memory for a file's scans, and what decodes them there. */
export interface FrameMemory {
  /** All zero, for as many as each component has. */
  readonly coefficients: readonly Int16Array[];
  /** Of `scanBytes`. */
  readonly scanData: Buffer;
  readonly decode: typeof decodeScan;
}

export type Allocate = (frame: JpegFrame, blocks: Omit<FrameBlocks, 'coefficients'>, fileBytes: number) => FrameMemory;

const [SOI, EOI, SOS, DQT, DHT, DRI, APP0, APP14] = [0xd8, 0xd9, 0xda, 0xdb, 0xc4, 0xdd, 0xe0, 0xee];
const isKnownFrame = (marker: number) => marker >= 0xc0 && marker <= 0xc2;
const isOtherFrame = (marker: number) => marker >= 0xc3 && marker <= 0xcf && marker !== DHT && marker !== 0xc8;
/** Those that have no length: TEM, and restart markers after their scan. */
const isAlone = (marker: number) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);

/** Of the rest, what may stand in a file: what applications and people note, DNL, and conditions of arithmetic codes. */
const isNote = (marker: number) => (marker >= 0xe0 && marker <= 0xef) || [0xfe, 0xdc, 0xcc].includes(marker);

/** As libvips has it: each scan passes over the whole image, however few bytes it has. */
const MOST_SCANS = 100;

/**
 * Reads a baseline, extended sequential or progressive JPEG file of 8 bits (ITU-T T.81).
 *
 * @param mostPixels larger frames are refused before anything is allocated for them
 * @throws Error for what is cut off, damaged, or of another kind
 */
export function readJpeg(file: Buffer, mostPixels: number, allocate: Allocate): JpegFile {
  const tables = new JpegTables();
  const steps: Uint16Array[] = [];
  let colours: ColourMarks = { jfif: false, adobe: undefined };
  let frame: JpegFrame | undefined;
  let blocks: FrameBlocks | undefined;
  let memory: FrameMemory | undefined;
  let scans = 0;
  if (file[0] !== 0xff || file[1] !== SOI || file[2] !== 0xff) throw new Error('it does not begin as a JPEG');
  for (let at = 2; ;) {
    const [marker, behind] = nextMarker(file, at);
    if (marker === EOI) break;
    at = behind;
    if (isAlone(marker)) continue;
    const length = behind + 2 <= file.length ? file.readUInt16BE(behind) : 0;
    if (length < 2 || behind + length > file.length) throw new Error(`its segment at byte ${behind} is cut off`);
    const content = file.subarray(behind + 2, (at = behind + length));
    const held = (good: unknown, what: string) => {
      if (!good) throw new Error(`the ${what} at byte ${behind} is not as it should be`);
    };
    if (marker === SOI) throw new Error(`it begins again at byte ${behind}`);
    if (isOtherFrame(marker)) throw new Error('it is neither baseline nor progressive with Huffman codes');
    if (isKnownFrame(marker)) {
      held(!frame, 'second frame');
      held((frame = readFrame(marker, content)), 'frame');
    } else if (marker === DQT) held(tables.quantization(content), 'quantization table');
    else if (marker === DHT) held(tables.huffman(content), 'Huffman table');
    else if (marker === DRI) held(tables.restarts(content), 'restart interval');
    else if (marker === SOS) {
      const scan = frame && tables.scan(content, frame);
      held(scan, 'scan');
      if (!memory || !blocks) {
        const sizes = sizesOf(frame!, file, mostPixels);
        memory = allocate(frame!, sizes, file.length);
        blocks = { ...sizes, coefficients: memory.coefficients };
      }
      if (++scans > MOST_SCANS) throw new Error(`it has more than ${MOST_SCANS} scans`);
      // A component has the table that stood when its first scan began.
      for (const { component } of scan!.parts) {
        held(frame!.progressive || !steps[component], 'second scan of a component');
        steps[component] ??= tables.steps(frame!.parts[component]!.quantization);
      }
      const data = scanData(file, at, tables.interval > 0, memory.scanData);
      memory.decode(blocks, scan!, tables, data);
      at = data.next;
    } else if (isNote(marker)) colours = marked(colours, marker, content);
    else throw new Error(`the marker before byte ${behind} is none of a JPEG's`);
  }
  if (!frame || !blocks) throw new Error('it has no image');
  for (const [i, { name }] of frame.parts.entries()) {
    if (!steps[i] || (frame.progressive && !tables.isComplete(name))) throw new Error('scans of it are missing');
  }
  return { ...blocks, frame, steps, colours };
}

/** The next marker, whatever stands before it, and where it ends. */
function nextMarker(file: Buffer, from: number): [marker: number, end: number] {
  for (let at = file.indexOf(0xff, from); at >= 0; at = file.indexOf(0xff, at)) {
    while (file[at] === 0xff) at++;
    const marker = file[at];
    if (marker === undefined) break;
    if (marker !== 0) return [marker, at + 1];
  }
  throw new Error('it has no end mark');
}

function sizesOf(frame: JpegFrame, file: Buffer, mostPixels: number): Omit<FrameBlocks, 'coefficients'> {
  if (frame.height * frame.width > mostPixels) throw new Error(`it is larger than ${mostPixels / 1e6} million pixels`);
  const sizes = { progressive: frame.progressive, ...componentsOf(frame) };
  // A block has a bit at least: what is too short for that needs no memory.
  const least = sizes.components.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  if (least > 8 * file.length) throw new Error('its data end before the image does');
  return sizes;
}

/** What APP0 says (JFIF 1.02) and what APP14 (Adobe's technical note 5116). */
function marked(marks: ColourMarks, marker: number, content: Buffer): ColourMarks {
  const begins = (name: string) => content.toString('latin1', 0, name.length) === name;
  if (marker === APP0 && content.length >= 14 && begins('JFIF\0')) return { ...marks, jfif: true };
  if (marker === APP14 && content.length >= 12 && begins('Adobe')) return { ...marks, adobe: content[11] };
  return marks;
}
