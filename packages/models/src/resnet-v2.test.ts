import { resNetV2 } from './resnet-v2.js';
import { describeLikeTfSlim } from './testing/describe-like-tf-slim.js';

describeLikeTfSlim(resNetV2('resnet_v2_50', [3, 4, 6, 3]), 'resnet_v2_50');
