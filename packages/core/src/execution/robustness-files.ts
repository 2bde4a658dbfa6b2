import { join } from 'node:path';
import type { Summary } from '../pipeline/summary/summary.js';
import { robustnessCsv, robustnessCurves } from '../report/robustness.js';
import { writeAtomically, type RunContext } from '../tracking/index.js';

/** Below this many images a curve is a few stairs: the numbers stand in the csv all the same. */
const PLOT_FROM_IMAGES = 20;

/** Leaves robustness.csv in the run's directory and, where there are images enough, robustness.svg and .png. */
export async function writeRobustness(summary: Summary, context: RunContext): Promise<void> {
  const points = robustnessCurves(summary);
  if (points.length === 0) return;
  const { path } = context.run;
  await writeAtomically(join(path, 'robustness.csv'), robustnessCsv(points));
  if (summary.images < PLOT_FROM_IMAGES) return;
  const [{ robustnessPlot }, { default: sharp }] = await Promise.all([
    import('../report/robustness-plot.js'),
    import('sharp'),
  ]);
  const svg = await robustnessPlot(points);
  await writeAtomically(join(path, 'robustness.svg'), svg);
  await writeAtomically(join(path, 'robustness.png'), await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer());
}
