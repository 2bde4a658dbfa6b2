/** The image sources that come with SHIELD. */
import type { DatasetPlugin } from '@shield/core';
import drawn from './drawn.js';
import imageFolder from './image-folder.js';
import imagenet from './imagenet.js';
import nips2017 from './nips2017.js';
import samplePhotos from './sample-photos.js';
import tfrecord from './tfrecord.js';

export { drawn, imageFolder, imagenet, nips2017, samplePhotos, tfrecord };
export { recordDataset, type RecordDatasetOptions } from './record-dataset.js';
export { fileDataset, type LabelledFile } from './file-dataset.js';
export { imagenetClasses, imagenetIndex, type ImageNetClass } from './imagenet-classes.js';

export const plugins: readonly DatasetPlugin[] = [samplePhotos, imageFolder, nips2017, imagenet, tfrecord, drawn];
