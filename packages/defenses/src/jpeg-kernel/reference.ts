import {
  dequantisers,
  inverseDct,
  plane,
  resizeByEdge,
  roundUp,
  upsample,
  yccToRgb,
  type InverseDct,
  type Plane,
} from '@shield/core/jpeg';
import { downsample, samplingFactors } from './downsample.js';
import { forwardDct } from './forward-dct.js';
import { rgbToYcc } from './from-rgb.js';
import { quantisationTables, quantise } from './quantisation.js';
import { channelsOf, type CodecSettings, type Samples } from './settings.js';
import { pickPatches, type PatchQualities } from './patch-qualities.js';

/*
 * The codec in plain TypeScript: what the WebAssembly kernel is held to, and what runs where there is no WebAssembly.
 */

/**
 * What baseline JPEG (ITU T.81) leaves of an image: the pixels that libjpeg-turbo would decode from what it encoded,
 * bit for bit. Entropy coding is left out because it loses nothing.
 *
 * @param image grey or RGB; throws a RangeError where its size and data disagree
 * @param quality whole number in 1…100; throws a RangeError otherwise
 */
export function jpegRoundTrip(image: Samples, quality: number, { subsampling, idct }: CodecSettings): Samples {
  const { height, width } = image;
  const { luma, chroma } = quantisationTables(quality);
  if (channelsOf(image) === 1) {
    const grey = codePlane(resizeByEdge(image, roundUp(height, 8), roundUp(width, 8)), luma, idct);
    return { data: resizeByEdge(grey, height, width).data, height, width };
  }
  const [y, cb, cr] = rgbToYcc(image.data, height, width);
  const codedLuma = codePlane(resizeByEdge(y, roundUp(height, 8), roundUp(width, 8)), luma, idct);
  const [codedBlue, codedRed] = [cb, cr].map((full) =>
    upsample(codePlane(downsample(full, subsampling), chroma, idct), height, width, samplingFactors(subsampling)),
  );
  return { data: yccToRgb(resizeByEdge(codedLuma, height, width), codedBlue!, codedRed!), height, width };
}

/**
 * Stochastic local quantization (Das et al., KDD 2018, section 3.3) by its definition: the whole image at each quality,
 * then for each patch the pixels of the quality that was drawn for it. Throws a RangeError where the arguments disagree.
 */
export function slqRoundTrip(image: Samples, patches: PatchQualities, settings: CodecSettings): Samples {
  const trips = patches.qualities.map((quality) => jpegRoundTrip(image, quality, settings));
  if (trips.length === 0) throw new RangeError('no qualities');
  return pickPatches(trips, patches);
}

/** Codes and decodes whole 8×8 blocks of one component. */
function codePlane(source: Plane, steps: Uint8Array, idct: InverseDct): Plane {
  const out = plane(source.height, source.width);
  const block = new Int32Array(64);
  const multipliers = dequantisers(steps, idct);
  for (let top = 0; top < source.height; top += 8) {
    for (let left = 0; left < source.width; left += 8) {
      const index = (i: number) => (top + (i >> 3)) * source.width + left + (i & 7);
      for (let i = 0; i < 64; i++) block[i] = source.data[index(i)]! - 128;
      forwardDct(block);
      quantise(block, steps);
      for (let i = 0; i < 64; i++) block[i]! *= multipliers[i]!;
      inverseDct(block, idct);
      for (let i = 0; i < 64; i++) out.data[index(i)] = block[i]!;
    }
  }
  return out;
}
