import type { ByteImage, Image } from '@shield/core';
import type { Sharp } from 'sharp';

/**
 * An image coded and decoded by sharp.
 *
 * @param image 8-bit RGB
 * @param encode sets the format and its options
 */
export async function sharpRoundTrip(
  { data, height, width }: Image,
  encode: (image: Sharp) => Sharp,
): Promise<ByteImage> {
  if (!(data instanceof Uint8Array)) throw new TypeError('a codec takes 8-bit pixels, not floats');
  const { default: sharp } = await import('sharp');
  const encoded = await encode(sharp(data, { raw: { height, width, channels: 3 } })).toBuffer();
  const decoded = await sharp(encoded).removeAlpha().toColourspace('srgb').raw().toBuffer();
  return { data: new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.length), height, width };
}
