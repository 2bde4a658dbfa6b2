import type { ByteImage } from '../plugin/contracts.js';
import { componentsToRgb } from './colours.js';
import type { Component } from './component.js';
import { componentPlane } from './component-planes.js';
import { KernelDecoder } from './decode-kernel.js';
import { decodeScan } from './decode-scan.js';
import type { InverseDct } from './inverse-dct.js';
import { readJpeg, type Allocate, type JpegFile } from './read-jpeg.js';
import { scanBytes } from './scan-data.js';

/**
 * Decodes a JPEG file to 8-bit RGB, with the pixels of libjpeg-turbo's inverse DCT of that name and its "fancy" upsampling:
 * for `ifast` those of TensorFlow's decode_jpeg with three channels and its defaults, for `islow` those of Pillow and sharp
 * (but for inks, which become RGB as TensorFlow has it).
 *
 * @param bytes of a baseline, extended sequential or progressive file of 8 bits, with 1, 3 or 4 components
 * @param mostPixels larger images are refused
 * @throws Error for what is cut off, damaged, too large, or of another kind
 */
export function decodeJpeg(bytes: Uint8Array, idct: InverseDct, mostPixels = Infinity): ByteImage {
  const kernel = KernelDecoder.open(idct);
  const file = readJpeg(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    mostPixels,
    (...sizes) => kernel?.allocate(...sizes) ?? plainMemory(...sizes),
  );
  const { height, width } = file.frame;
  return { data: kernel?.pixels(file) ?? referencePixels(file, idct), height, width };
}

/** Memory outside of the kernel, and TypeScript. */
export const plainMemory: Allocate = (_frame, { components }, fileBytes) => ({
  coefficients: components.map(({ unitRows, unitColumns }) => new Int16Array(64 * unitRows * unitColumns)),
  scanData: Buffer.allocUnsafe(scanBytes(fileBytes)),
  decode: decodeScan,
});

/** What the kernel is held to, and what does the work where there is none. */
export function referencePixels(file: JpegFile, idct: InverseDct): Uint8Array {
  const planeOf = (component: Component, i: number) =>
    componentPlane(component, file.coefficients[i]!, file.steps[i]!, idct);
  return componentsToRgb(file, file.components.map(planeOf));
}
