import { Type, type Static } from '@sinclair/typebox';
import type { ByteImage, Image } from '@shield/core';

export const subsamplingSchema = Type.Union([Type.Literal('4:2:0'), Type.Literal('4:4:4')], {
  default: '4:2:0',
  description: 'chroma subsampling; 4:2:0 halves both sides of the colour planes',
});

export type Subsampling = Static<typeof subsamplingSchema>;

/**
 * Baseline JPEG there and back, as libjpeg-turbo does it with its accurate integer DCT (the same pixels as Pillow's).
 *
 * @param image 8-bit RGB
 * @param quality 1 to 100
 */
export async function jpegRoundTrip(image: Image, quality: number, subsampling: Subsampling): Promise<ByteImage> {
  const { default: sharp } = await import('sharp');
  const { height, width } = image;
  const raw = { raw: { height, width, channels: 3 as const } };
  // Plain libjpeg settings: mozjpeg's trellis quantisation and the like would change the pixels.
  const encoded = await sharp(image.data as Uint8Array, raw)
    .jpeg({ quality, chromaSubsampling: subsampling, mozjpeg: false, optimiseCoding: false })
    .toBuffer();
  const data = await sharp(encoded).removeAlpha().toColourspace('srgb').raw().toBuffer();
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), height, width };
}
