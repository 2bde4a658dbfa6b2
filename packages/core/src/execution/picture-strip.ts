import { join } from 'node:path';
import { attackedBatches } from '../pipeline/attacked-images.js';
import { WHOLE } from '../pipeline/shard.js';
import type { Collected } from '../pipeline/collect.js';
import type { PipelineContext } from '../pipeline/context.js';
import { defend, evaluationDraw } from '../pipeline/apply-defense.js';
import { isEnsemble } from '../pipeline/defenses.js';
import { AS_THEY_ARE } from '../pipeline/judge.js';
import { cleanSource } from '../pipeline/pipeline.js';
import type { Prediction, PredictionRow } from '../pipeline/rows.js';
import type { FloatImage } from '../plugin/contracts.js';
import type { Run } from '../tracking/index.js';
import { writeAtomically } from '../files/write-atomically.js';
import { differenceImage, pictureStrip, type StripRow } from '../images/strip.js';

/**
 * Draws the first images on which each attack succeeded: clean, adversarial, the difference made visible, and through
 * each defense (its first draw), with what the model says of each.
 *
 * @returns the files, one an attack
 */
export async function writePictureStrip(context: PipelineContext, collected: Collected, run: Run): Promise<string[]> {
  const files: string[] = [];
  for (const [name, { images, predictions }] of collected.attacks) {
    const rows = await stripRows(context, images, collected.clean.get(AS_THEY_ARE.name)!, predictions);
    if (rows.length === 0) continue;
    const path = join(run.path, `strip-${name}.png`);
    await writeAtomically(path, await pictureStrip(rows));
    files.push(path);
    await context.emit({ type: 'artifact', kind: 'strip', key: name, path });
  }
  return files;
}

type Artifacts = Collected['attacks'] extends ReadonlyMap<string, infer T> ? T : never;

async function stripRows(
  context: PipelineContext,
  attacked: Artifacts['images'],
  clean: Artifacts['predictions'] extends ReadonlyMap<string, infer A> ? A : never,
  predictions: Artifacts['predictions'],
): Promise<StripRow[]> {
  const wanted = context.spec.execution.strip;
  const classNames = context.dataset.classNames;
  const rows: StripRow[] = [];
  const { height, width } = context.model.inputSize;
  const length = height * width * 3;
  const batches = (await attacked.complete())?.batches ?? 0;
  for (let index = 0; index < batches && rows.length < wanted; index++) {
    const chosen = (await attacked.read(index)).rows
      .flatMap((row, i) => (row.success ? [{ row, i }] : []))
      .slice(0, wanted - rows.length);
    if (chosen.length === 0) continue;
    const cleanImages = await only(cleanSource(context).batches((each) => each === index));
    const adversarialImages = await only(attackedBatches(attacked, WHOLE, (each) => each === index));
    if (!cleanImages || !adversarialImages) continue;
    const said = await readAll(index, clean, predictions);
    for (const { row, i } of chosen) {
      const cut = (pixels: Float32Array): FloatImage => ({
        data: pixels.subarray(i * length, (i + 1) * length),
        height,
        width,
      });
      const before = cut(cleanImages.pixels);
      const after = cut(adversarialImages.pixels);
      const { image: difference, factor } = differenceImage(before, after);
      const name = (prediction: Prediction) => caption(prediction, classNames);
      const defended = await Promise.all(
        context.defenses
          // Only what the stages of this run judged: `perform: [attack]` judges no defense.
          .flatMap((defense) => {
            const judged = said.attacked.get(defense.name)?.[i]?.draws[0];
            return judged ? [{ defense, judged }] : [];
          })
          .map(async ({ defense, judged }) => ({
            title: defense.name,
            caption: name(judged),
            right: judged.top[0] === row.label,
            // Of an ensemble: what its first member is shown.
            image: await defend(
              context,
              isEnsemble(defense) ? defense.members[0]!.chain : defense,
              after,
              row.id,
              evaluationDraw(context, row.id, 0),
            ),
          })),
      );
      rows.push({
        label: row.id,
        images: [
          { title: 'clean', caption: name(said.clean[i]!.draws[0]!), right: true, image: before },
          {
            title: 'attacked',
            caption: name(said.attacked.get(AS_THEY_ARE.name)![i]!.draws[0]!),
            right: false,
            image: after,
          },
          {
            title: `difference × ${factor}`,
            caption: `L2 ${row.l2.toFixed(2)}  L∞ ${(255 * row.linf).toFixed(1)}/255`,
            image: difference,
          },
          ...defended,
        ],
      });
    }
  }
  return rows;
}

async function readAll(
  index: number,
  clean: { read(index: number): Promise<{ rows: readonly PredictionRow[] }> },
  predictions: Artifacts['predictions'],
): Promise<{ clean: readonly PredictionRow[]; attacked: Map<string, readonly PredictionRow[]> }> {
  const attacked = new Map<string, readonly PredictionRow[]>();
  for (const [path, artifact] of predictions) attacked.set(path, (await artifact.read(index)).rows);
  return { clean: (await clean.read(index)).rows.filter((row) => row.dropped === undefined), attacked };
}

function caption({ top, p }: Prediction, classNames: readonly string[] | undefined): string {
  const [first] = top;
  if (first === undefined) return 'no answer';
  return `${classNames?.[first!] ?? `class ${first}`}  ${(100 * p).toFixed(0)} %`;
}

async function only<T>(source: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of source) return item;
  return undefined;
}
