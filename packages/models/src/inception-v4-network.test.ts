import { inceptionV4 } from './inception-v4-network.js';
import { describeLikeTfSlim } from './testing/describe-like-tf-slim.js';

describeLikeTfSlim(inceptionV4, 'inception_v4');
