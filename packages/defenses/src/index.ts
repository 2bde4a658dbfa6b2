import type { DefensePlugin } from '@shield/core';
import avif from './avif.js';
import bitDepth from './bit-depth.js';
import centralCrop from './central-crop.js';
import gaussianBlur from './gaussian-blur.js';
import jpeg from './jpeg.js';
import medianFilter from './median-filter.js';
import nonLocalMeans from './non-local-means.js';
import randomCropEnsemble from './random-crop-ensemble.js';
import resizePad from './resize-pad.js';
import round8 from './round8.js';
import slq from './slq.js';
import tvBregman from './tv-bregman.js';
import tvm from './tvm.js';
import webp from './webp.js';

export {
  avif,
  bitDepth,
  centralCrop,
  gaussianBlur,
  jpeg,
  medianFilter,
  nonLocalMeans,
  randomCropEnsemble,
  resizePad,
  round8,
  slq,
  tvBregman,
  tvm,
  webp,
};
export const plugins: readonly DefensePlugin[] = [
  avif,
  bitDepth,
  centralCrop,
  gaussianBlur,
  jpeg,
  medianFilter,
  nonLocalMeans,
  randomCropEnsemble,
  resizePad,
  round8,
  slq,
  tvBregman,
  tvm,
  webp,
];
