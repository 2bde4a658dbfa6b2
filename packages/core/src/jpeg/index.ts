export { dequantisers, inverseDct, type InverseDct } from './inverse-dct.js';
export { plane, resizeByEdge, roundUp, type Plane } from './plane.js';
export { yccToRgb } from './to-rgb.js';
export { upsample, type SamplingFactors } from './upsample.js';
export { decodeJpeg } from './decode-jpeg.js';
export { JpegTables, readFrame, type JpegFrame } from './tables.js';
