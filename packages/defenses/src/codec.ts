import { Type, type Static, type TObject } from '@sinclair/typebox';
import { refuseFault, type ByteImage, type Image, type OptionFault } from '@shield/core';
import { jpegRoundTrip as kernelRoundTrip, slqRoundTrip as kernelSlq } from './jpeg-kernel/kernel.js';
import { pickPatches, type PatchQualities } from './jpeg-kernel/patch-qualities.js';

/** Options of all defenses that go through JPEG. */
export const codecOptions = {
  subsampling: Type.Union([Type.Literal('4:2:0'), Type.Literal('4:2:2'), Type.Literal('4:4:4')], {
    default: '4:2:0',
    description: 'chroma subsampling: 4:2:0 halves both sides of the colour planes, 4:2:2 their width, 4:4:4 neither',
  }),
  idct: Type.Union([Type.Literal('islow'), Type.Literal('ifast')], {
    default: 'islow',
    description:
      "the decoder's inverse DCT: islow is libjpeg's accurate one, ifast the one that TensorFlow decodes with",
  }),
  codec: Type.Union([Type.Literal('kernel'), Type.Literal('sharp')], {
    default: 'kernel',
    description:
      'kernel: only what loses information; sharp: all of libjpeg with its entropy coding (no 4:2:2, no ifast). Both give the same pixels',
    affectsResult: false,
  }),
};

export type CodecOptions = Static<TObject<typeof codecOptions>>;

/**
 * Baseline JPEG there and back, with the pixels of libjpeg-turbo, and so of Pillow and TensorFlow: by the kernel at once,
 * by sharp in the background.
 *
 * @param image 8-bit RGB
 * @param quality 1 to 100
 * @throws SPEC_INVALID_VALUE for what sharp cannot do
 */
export function jpegRoundTrip(image: Image, quality: number, options: CodecOptions): ByteImage | Promise<ByteImage> {
  const bytes = asBytes(image);
  return options.codec === 'sharp' ? sharpRoundTrip(bytes, quality, options) : kernelRoundTrip(bytes, quality, options);
}

/**
 * The pixels of JPEG round trips of the whole image, for each patch those of its quality.
 *
 * @param image 8-bit RGB
 * @throws SPEC_INVALID_VALUE for what sharp cannot do
 */
export function slqRoundTrip(
  image: Image,
  patches: PatchQualities,
  options: CodecOptions,
): ByteImage | Promise<ByteImage> {
  const bytes = asBytes(image);
  return options.codec === 'sharp' ? sharpSlq(bytes, patches, options) : kernelSlq(bytes, patches, options);
}

async function sharpSlq(bytes: ByteImage, patches: PatchQualities, options: CodecOptions): Promise<ByteImage> {
  const trips = await Promise.all(patches.qualities.map((quality) => sharpRoundTrip(bytes, quality, options)));
  return pickPatches(trips, patches);
}

/** Whether the codec can do what is asked of it. */
export function codecFault({ codec, subsampling, idct }: CodecOptions): OptionFault | undefined {
  if (codec !== 'sharp' || (subsampling !== '4:2:2' && idct !== 'ifast')) return undefined;
  return {
    option: 'codec',
    reason: `is sharp, which has no ${idct === 'ifast' ? 'fast inverse DCT' : '4:2:2'}`,
    expected: 'leave codec out, or take idct: islow and subsampling: 4:2:0 or 4:4:4',
  };
}

async function sharpRoundTrip(image: ByteImage, quality: number, options: CodecOptions): Promise<ByteImage> {
  refuseFault('jpeg', codecFault(options));
  const { subsampling } = options;
  const { default: sharp } = await import('sharp');
  const { height, width } = image;
  // Plain libjpeg settings: mozjpeg's trellis quantisation and the like would change the pixels.
  const encoded = await sharp(image.data, { raw: { height, width, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: subsampling, mozjpeg: false, optimiseCoding: false })
    .toBuffer();
  const data = await sharp(encoded).removeAlpha().toColourspace('srgb').raw().toBuffer();
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), height, width };
}

/** Codecs are given bytes by the pipeline; anything else is a fault of the caller. */
function asBytes({ data, height, width }: Image): ByteImage {
  if (data instanceof Uint8Array) return { data, height, width };
  throw new TypeError('a codec takes 8-bit pixels, not floats');
}
