import { toByteImage } from '../images/quantize.js';
import { encodeImageRecord } from '../records/image-record.js';
import { writeRecords } from '../records/tfrecord-writer.js';
import { checkpoint } from '../tracking/time-limit.js';
import { defend, evaluationDraw } from './apply-defense.js';
import type { PipelineContext } from './context.js';
import { isEnsemble, isRandom } from './defenses.js';
import type { ImageBatch } from './input-batches.js';
import type { Source } from './judge.js';
import { judgedKey } from './keys.js';
import { MissingBatches } from './missing-batches.js';
import { returnPixels } from './pixel-memory.js';
import { imagesIn, imagesUpTo } from './shard.js';
import { StageOnDemand } from './stage-on-demand.js';

interface DefendedRow {
  readonly id: string;
  readonly label: number;
  readonly draw: number;
}

/**
 * Leaves the defended images themselves (TFRecords, uint8 for codecs, else float32), each draw after the other within
 * its batch. Only where the defend stage is asked for alone: an evaluation makes them again from the same random
 * streams, which costs less than reading them back.
 */
export async function defendStage(context: PipelineContext, source: Source): Promise<void> {
  const { shard } = context;
  for (const defense of context.defenses) {
    if (isEnsemble(defense)) {
      context.reporter.log(`${defense.name} is an ensemble: it answers, and leaves no images`);
      continue;
    }
    const draws = isRandom(defense) ? context.spec.evaluate.draws : 1;
    const artifact = await context.store.open<DefendedRow>(
      'defended',
      judgedKey(context, source.key, { defense, draws }),
    );
    const told = () => {
      const { hash, path } = artifact;
      return context.emit({ type: 'artifact', kind: 'defended', key: hash, path, name: defense.name, of: source.name });
    };
    if (await artifact.complete()) {
      context.reporter.log(`defend ${source.name} by ${defense.name}: taken from ${artifact.name}`);
      await told();
      continue;
    }
    const mine = imagesIn(shard, context.spec.batch, context.dataset.size);
    const name = `${source.name} by ${defense.name}`;
    const stage = new StageOnDemand(context.reporter, { stage: 'defend', name, total: mine });
    const missing = new MissingBatches(context, [artifact]);
    const { height, width } = context.model.inputSize;
    const length = height * width * 3;
    const compute = async (batch: ImageBatch) => {
      stage.begin();
      const started = performance.now();
      const rows: DefendedRow[] = [];
      const records: Uint8Array[] = [];
      for (let draw = 0; draw < draws; draw++) {
        for (const [i, id] of batch.ids.entries()) {
          const given = { data: batch.pixels.subarray(i * length, (i + 1) * length), height, width };
          const stream = evaluationDraw(context, id, draw);
          const result = await defend(context, defense, given, id, stream, context.signal);
          const image = defense.steps.at(-1)!.plugin.takes === 'bytes' ? toByteImage(result, 'round') : result;
          rows.push({ id, label: batch.labels[i]!, draw });
          records.push(await encodeImageRecord({ id, label: batch.labels[i]!, image }));
        }
      }
      await artifact.write(batch.index, rows, (performance.now() - started) / 1000, (path) =>
        writeRecords(path, records, { sha256: true }),
      );
      missing.written(artifact, batch.index);
      const done = imagesUpTo(shard, batch.index, context.spec.batch, context.dataset.size);
      stage.update(done);
      const progress = { batch: batch.index, done, of: mine ?? done };
      await context.emit({ type: 'batch', stage: 'defend', name: defense.name, ...progress });
    };
    const pass = async () => {
      for await (const batch of source.batches(missing.needed)) {
        await checkpoint(context.signal);
        if (await missing.claim(artifact, batch.index)) await compute(batch);
        returnPixels(batch.pixels);
      }
    };
    await missing.fill(pass, () => context.reporter.log('others make the rest of these images; waiting'));
    stage.end();
    await told();
  }
}
