import { join } from 'node:path';
import { trainingPlot } from '../report/training-plot.js';
import { writeAtomically } from '../files/write-atomically.js';
import type { EpochMetrics } from '../training/train.js';

/** Leaves training.svg and training.png in the run's directory; a single epoch makes no curve. */
export async function writeTrainingCurves(history: readonly EpochMetrics[], folder: string): Promise<void> {
  if (history.length < 2) return;
  const svg = await trainingPlot(history);
  const { default: sharp } = await import('sharp');
  await writeAtomically(join(folder, 'training.svg'), svg);
  await writeAtomically(join(folder, 'training.png'), await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer());
}
