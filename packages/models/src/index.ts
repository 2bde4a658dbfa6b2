/** The built-in models. */
import efficientNetLite0 from './efficientnet-lite0.js';
import efficientNetLite1 from './efficientnet-lite1.js';
import efficientNetLite2 from './efficientnet-lite2.js';
import graphModel from './graph-model.js';
import inceptionV4 from './inception-v4.js';
import pythonModel from './python-model.js';
import resNetV2101 from './resnet-v2-101.js';
import resNetV2152 from './resnet-v2-152.js';
import resNetV250 from './resnet-v2-50.js';
import servedModel from './served-model.js';
import smallCnn from './small-cnn.js';

export const plugins = [
  efficientNetLite0,
  efficientNetLite1,
  efficientNetLite2,
  graphModel,
  inceptionV4,
  pythonModel,
  resNetV2101,
  resNetV2152,
  resNetV250,
  servedModel,
  smallCnn,
] as const;
export default plugins;
