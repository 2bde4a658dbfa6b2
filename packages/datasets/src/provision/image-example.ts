import { decodeImage, encodeExample, imageFormat, loadSharp, reasonOf, ShieldError, type Feature } from '@shield/core';
import { jpegStructure } from './jpeg-structure.js';
import type { PlannedImage } from './shard-plan.js';

/** Of JPEGs made of images that are none, as the published scripts make them. */
const QUALITY = 100;
/** As decodeImage has it. */
const MOST_PIXELS = 100e6;
/** libjpeg decodes the whole of a file at an eighth of its size with a fraction of the arithmetic. */
const SHRINK = 8;

/**
 * The record of an image with the keys and values of the original's script (and, with boxes, those of TensorFlow's own).
 * JPEG files stand in it byte for byte as they were; the few of ImageNet that are CMYK, or PNG under another name, are
 * made RGB JPEGs. The structure of every file is checked up to its end mark; what is out of the ordinary is decoded.
 *
 * @param check decode every file
 * @throws IMAGE_CORRUPT
 */
export async function encodeImage(image: PlannedImage, bytes: Buffer, check = false): Promise<Uint8Array> {
  const { name, label, wnid, boxes } = image;
  const { jpeg, height, width } = await asJpeg(image, bytes, check);
  const corners = (key: 'xmin' | 'ymin' | 'xmax' | 'ymax'): Feature => ({
    kind: 'float',
    values: (boxes ?? []).map((box) => box[key]),
  });
  return encodeExample({
    'image/height': int(height),
    'image/width': int(width),
    'image/colorspace': text('RGB'),
    'image/channels': int(3),
    'image/class/label': int(label),
    'image/class/synset': text(wnid),
    'image/format': text('JPEG'),
    'image/filename': text(name),
    'image/encoded': { kind: 'bytes', values: [jpeg] },
    ...(boxes && {
      'image/object/bbox/xmin': corners('xmin'),
      'image/object/bbox/xmax': corners('xmax'),
      'image/object/bbox/ymin': corners('ymin'),
      'image/object/bbox/ymax': corners('ymax'),
      'image/object/bbox/label': { kind: 'int64', values: boxes.map(() => label) },
    }),
  });
}

interface Jpeg {
  readonly jpeg: Uint8Array;
  readonly height: number;
  readonly width: number;
}

async function asJpeg(image: PlannedImage, bytes: Buffer, check: boolean): Promise<Jpeg> {
  const known = check ? undefined : jpegStructure(bytes);
  if (known && (known.components === 1 || known.components === 3) && known.height * known.width <= MOST_PIXELS) {
    return { jpeg: bytes, height: known.height, width: known.width };
  }
  const place = placeOf(image);
  const format = imageFormat(bytes);
  try {
    if (!format) throw new Error('it is neither a JPEG nor a PNG');
    const sharp = await loadSharp();
    const options = { failOn: 'error', limitInputPixels: MOST_PIXELS, ignoreIcc: true, autoOrient: false } as const;
    const { height, width, space } = await sharp(bytes, options).metadata();
    if (format === 'jpeg' && space !== 'cmyk') {
      const small = {
        width: Math.max(1, Math.floor(width / SHRINK)),
        kernel: 'nearest',
        fastShrinkOnLoad: true,
      } as const;
      await sharp(bytes, options).resize(small).raw().toBuffer();
      return { jpeg: bytes, height, width };
    }
  } catch (error) {
    throw new ShieldError('IMAGE_CORRUPT', { id: image.name, reason: reasonOf(error), path: place }, { cause: error });
  }
  const { data, height, width } = await decodeImage(bytes, image.name, place);
  const sharp = await loadSharp();
  const pixels = sharp(data, { raw: { width, height, channels: 3 } });
  const jpeg = await pixels.jpeg({ quality: QUALITY, chromaSubsampling: '4:2:0' }).toBuffer();
  return { jpeg, height, width };
}

/** Where an image stands, for error messages. */
export function placeOf({ path, offset }: Pick<PlannedImage, 'path' | 'offset'>): string {
  return offset === 0 ? path : `${path} at byte ${offset}`;
}

function text(value: string): Feature {
  return { kind: 'bytes', values: [Buffer.from(value, 'utf8')] };
}

function int(value: number): Feature {
  return { kind: 'int64', values: [value] };
}
