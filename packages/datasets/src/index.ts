/** The image sources that come with SHIELD. */
import type { DatasetPlugin } from '@shield/core';
import drawn from './drawn.js';
import samplePhotos from './sample-photos.js';

export { drawn, samplePhotos };
export { fileDataset, type LabelledFile } from './file-dataset.js';
export { imagenetClasses, imagenetIndex, type ImageNetClass } from './imagenet-classes.js';

export const plugins: readonly DatasetPlugin[] = [samplePhotos, drawn];
