/** The built-in models, and the readers of published weights. */
import efficientNetLite0 from './efficientnet-lite0.js';
import efficientNetLite1 from './efficientnet-lite1.js';
import efficientNetLite2 from './efficientnet-lite2.js';
import smallCnn from './small-cnn.js';

export const plugins = [efficientNetLite0, efficientNetLite1, efficientNetLite2, smallCnn] as const;
export default plugins;

export { readWeights, type WeightsFile } from './weights/read-weights.js';
