import { join } from 'node:path';
import { robustnessCsv, type RobustnessLine, type RobustnessPoint } from '../report/robustness.js';
import { writeAtomically } from '../files/write-atomically.js';
import type { RunContext } from '../tracking/index.js';

/** Below this many images a curve is a few stairs: the numbers stand in the csv all the same. */
const PLOT_FROM_IMAGES = 20;

interface Pictures {
  /** What they were drawn of. */
  readonly csv: string;
  readonly svg: string;
  readonly png: Uint8Array;
}

/** The last ones drawn: defenses play no part in them, so that cells that differ in their defense have the same. */
let last: Pictures | undefined;

/** Leaves robustness.csv in the run's directory and, where there are images enough, robustness.svg and .png. */
export async function writeRobustness(
  context: RunContext,
  points: readonly RobustnessPoint[],
  { lines, images }: { readonly lines: readonly RobustnessLine[]; readonly images: number },
): Promise<void> {
  if (points.length === 0) return;
  const { path } = context.run;
  const csv = robustnessCsv(points);
  await writeAtomically(join(path, 'robustness.csv'), csv);
  if (images < PLOT_FROM_IMAGES) return;
  const hidden = new Set(lines.filter(({ partOfFamily }) => partOfFamily).map(({ name }) => name));
  const { svg, png } =
    last?.csv === csv
      ? last
      : (last = await drawn(
          csv,
          points.filter(({ attack }) => !hidden.has(attack)),
        ));
  await writeAtomically(join(path, 'robustness.svg'), svg);
  await writeAtomically(join(path, 'robustness.png'), png);
}

async function drawn(csv: string, points: readonly RobustnessPoint[]): Promise<Pictures> {
  const [{ robustnessPlot }, { default: sharp }] = await Promise.all([
    import('../report/robustness-plot.js'),
    import('sharp'),
  ]);
  const svg = await robustnessPlot(points);
  return { csv, svg, png: await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer() };
}
