import { readFile } from 'node:fs/promises';
import type sharp from 'sharp';
import type { Sharp } from 'sharp';
import { reasonOf, ShieldError } from '../errors/index.js';
import { decodeJpegAside } from '../jpeg/decode-threads.js';
import type { InverseDct } from '../jpeg/index.js';
import type { ByteImage } from '../plugin/contracts.js';

/** Pictures made of pixels. libvips reads SVG and PDF too, which may pull in other files and have no pixels of their own. */
const FORMATS: ReadonlySet<string> = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']);

/** Larger images are refused: the largest of ImageNet has 61 million pixels. */
const MOST_PIXELS = 100e6;

type SharpModule = typeof sharp;
let loaded: Promise<SharpModule> | undefined;

/**
 * sharp, loaded when it is first needed (about 0.1 s), with no cache of its own: files are read once and may change. An
 * image takes one thread: several are worked on at once, and threads within each would only wait for its decoder.
 */
export function loadSharp(): Promise<SharpModule> {
  loaded ??= import('sharp').then(({ default: sharp }) => {
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
  return loaded;
}

/**
 * Reads an image file as 8-bit RGB, its samples as they are stored: colour profiles, gamma chunks and EXIF orientation
 * are not applied, as in Pillow's `Image.open(path).convert('RGB')`. Grey is repeated over the three channels, alpha is
 * dropped without blending, palettes are looked up, of 16 bits the upper 8 are kept, and CMYK becomes RGB by Pillow's
 * formula, R = (255 - C)(255 - K) / 255. Of an animation the first frame is taken.
 *
 * With `idct: ifast` JPEG files have the pixels of TensorFlow's `decode_jpeg(…, channels=3)`, its formula for CMYK included
 * (see decodeJpeg). Other files have no inverse DCT.
 *
 * @param source the file's bytes, or its path
 * @param id names the image in errors
 * @param idct of JPEG files: libjpeg's accurate inverse DCT or its fast one
 * @throws IMAGE_CORRUPT for what is empty, cut off, damaged, no image, or beyond 100 million pixels
 */
export async function decodeImage(
  source: Uint8Array | string,
  id: string,
  path = id,
  idct: InverseDct = 'islow',
): Promise<ByteImage> {
  const where = typeof source === 'string' ? source : path;
  try {
    const bytes = typeof source === 'string' ? await readFile(source) : source;
    if (bytes.length === 0) throw new Error('the file is empty');
    if (idct === 'ifast' && bytes[0] === 0xff && bytes[1] === 0xd8)
      return await decodeJpegAside(bytes, idct, MOST_PIXELS);
    const sharp = await loadSharp();
    // "error" and not "warning": a profile that libpng does not like says nothing about the pixels.
    const image = sharp(bytes, { failOn: 'error', limitInputPixels: MOST_PIXELS, ignoreIcc: true, autoOrient: false });
    if (plainJpeg(bytes)) return await toRgb(image);
    const { space, format } = await image.metadata();
    if (!FORMATS.has(format)) throw new Error(`${format} files are not taken`);
    return await (space === 'cmyk' ? fromCmyk(image) : toRgb(image));
  } catch (error) {
    const reason = reasonOf(error);
    throw new ShieldError('IMAGE_CORRUPT', { id, reason, path: where }, { cause: error });
  }
}

/**
 * Whether these are a JPEG of one or three channels by its frame header (ITU-T T.81, B.2.2): not CMYK, so that sharp
 * need not be asked first, a tenth of the time to decode a photo.
 */
function plainJpeg(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return false;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!;
    // Frames are C0 to CF but for C4, C8 and CC, which are tables and an extension.
    if (marker === 0xc0 || (marker > 0xc0 && marker <= 0xcf && marker % 4 !== 0))
      return [1, 3].includes(bytes[at + 9]!);
    // Only segments that have a length are walked over; anything else is sharp's to judge.
    if (marker < 0xc4 || marker === 0xff || (marker >= 0xd0 && marker <= 0xda)) return false;
    at += 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return false;
}

async function toRgb(image: Sharp): Promise<ByteImage> {
  const { data, info } = await image.removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return checked(data, info.height, info.width, info.channels, 3);
}

/** libvips would go through a colour profile of a printing press; this is the plain formula. */
async function fromCmyk(image: Sharp): Promise<ByteImage> {
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { data: inks } = checked(data, info.height, info.width, info.channels, 4);
  const out = new Uint8Array(info.height * info.width * 3);
  for (let i = 0, o = 0; i < inks.length; i += 4) {
    const light = 255 - inks[i + 3]!;
    for (let channel = 0; channel < 3; channel++) out[o++] = light - product(inks[i + channel]!, light);
  }
  return { data: out, height: info.height, width: info.width };
}

/** a b / 255, rounded, in Pillow's whole numbers. */
function product(a: number, b: number): number {
  const sum = a * b + 128;
  return ((sum >> 8) + sum) >> 8;
}

function checked(data: Buffer, height: number, width: number, channels: number, expected: number): ByteImage {
  if (channels !== expected || data.length !== height * width * expected) {
    throw new Error(`it has ${channels} channels of a kind that is not understood`);
  }
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), height, width };
}
