export { decodeImage } from './decode.js';
export { preprocess } from './preprocess.js';
export { toByteImage, toFloatImage } from './quantize.js';
export { resize, type Interpolation, type ResizeOptions } from './resize.js';
export { differenceImage, pictureStrip, type StripImage, type StripRow } from './strip.js';
