import { putFloats } from '../images/quantize.js';
import { Random } from '../random/random.js';
import { throwIfStopped } from '../tracking/time-limit.js';
import { defendAsIs, evaluationDraw, type DefenseSetting } from './apply-defense.js';
import type { PipelineContext } from './context.js';
import { isEnsemble, type Chain, type Defense } from './defenses.js';
import { borrowPixels, returnPixels } from './pixel-memory.js';
import { faultOf } from './predictor.js';
import type { Prediction } from './rows.js';
import { ballotOf, countVotes, type Ballot } from './vote.js';

/** Images at the input size of the model under attack: float32 [n, height, width, 3] in [0, 1]. */
interface Images {
  readonly ids: readonly string[];
  readonly pixels: Float32Array;
}

/** Images behind a defense on their way to one network: rows of the batch, at the size that it takes. */
export interface Shown {
  readonly rows: readonly number[];
  /** Of {@link showThrough}: borrowed, and given back by {@link judgeShown}. */
  readonly pixels: Float32Array;
  /** Who is asked, of an ensemble. */
  readonly member?: number;
}

/** What is said of images behind a defense, in one draw of its randomness. */
export async function judgeBehind(
  context: PipelineContext,
  defense: Defense,
  images: Images,
  draw: number,
): Promise<readonly Prediction[]> {
  return judgeShown(context, defense, images, await showThrough(context, defense, images, draw));
}

/** The first half of {@link judgeBehind}: the images behind the defense, for every network that is asked. */
export async function showThrough(
  context: PipelineContext,
  defense: Defense,
  images: Images,
  draw: number,
): Promise<readonly Shown[]> {
  const all = Array.from(images.ids.keys());
  if (!isEnsemble(defense)) {
    return [{ rows: all, pixels: await defendAll(context, context, defense, images, all, draw, 0) }];
  }
  const { vote, members } = defense;
  // Each image asks every member, or the one that is drawn for it.
  const drawn = (id: string) => new Random(context.spec.seed, 'vote', id, draw).integer(members.length);
  const asked = vote === 'random' ? images.ids.map(drawn) : undefined;
  return Promise.all(
    members.map(async ({ chain, model }, member) => {
      const rows = asked ? all.filter((i) => asked[i] === member) : all;
      const setting = { preprocess: context.preprocess, model, spec: context.spec };
      return { rows, member, pixels: await defendAll(context, setting, chain, images, rows, draw, member) };
    }),
  );
}

/** The second half: what the networks say of them. Nobody may look at what was shown after that. */
export async function judgeShown(
  context: PipelineContext,
  defense: Defense,
  images: Pick<Images, 'ids'>,
  shown: readonly Shown[],
): Promise<readonly Prediction[]> {
  const predictions = await askNetworks(context, defense, images, shown);
  for (const { pixels } of shown) returnPixels(pixels);
  return predictions;
}

async function askNetworks(
  context: PipelineContext,
  defense: Defense,
  images: Pick<Images, 'ids'>,
  shown: readonly Shown[],
): Promise<readonly Prediction[]> {
  if (!isEnsemble(defense)) {
    const predicted = await context.predictor.predict(shown[0]!.pixels);
    return predicted.map(({ least: _least, ...prediction }) => prediction);
  }
  const unusable = new Map<number, string>();
  const ballots: (Ballot & { readonly member: number })[][] = images.ids.map(() => []);
  for (const { rows, pixels, member } of shown) {
    const { model, predictor } = defense.members[member!]!;
    throwIfStopped(context.signal);
    const logits = await predictor.logits(pixels);
    rows.forEach((row, i) => {
      const values = logits.subarray(i * model.classes, (i + 1) * model.classes);
      const fault = faultOf(values);
      if (fault !== undefined) return void unusable.set(row, `member ${member! + 1}: ${fault}`);
      ballots[row]!.push({ ...ballotOf(values, model.labelOffset), member: member! });
    });
  }
  const k = Math.max(...context.spec.evaluate.top);
  return ballots.map((each, row) => {
    if (unusable.has(row)) return { top: [], p: 0, unusable: unusable.get(row)! };
    if (defense.vote !== 'random') return countVotes(defense.vote, each, k);
    const { top, p } = countVotes('mean', each, k);
    return { top, p, member: each[0]!.member };
  });
}

/** Some of the images behind a chain, at the input size of the setting's model. */
async function defendAll(
  { model, signal }: Pick<PipelineContext, 'model' | 'signal'>,
  setting: DefenseSetting,
  chain: Chain,
  { ids, pixels }: Images,
  rows: readonly number[],
  draw: number,
  member: number,
): Promise<Float32Array<ArrayBuffer>> {
  const given = model.inputSize;
  const taken = setting.model.inputSize;
  const length = given.height * given.width * 3;
  const outLength = taken.height * taken.width * 3;
  const out = borrowPixels(rows.length * outLength);
  await Promise.all(
    rows.map(async (row, i) => {
      const id = ids[row]!;
      const image = { data: pixels.subarray(row * length, (row + 1) * length), ...given };
      const stream = evaluationDraw(setting, id, draw, member);
      putFloats(await defendAsIs(setting, chain, image, id, stream, signal), out, i * outLength);
    }),
  );
  return out;
}
