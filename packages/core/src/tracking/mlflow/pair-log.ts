import { ShieldError } from '../../errors/index.js';
import type { MlflowApi } from './api.js';
import { chunks, mlflowTag, shortened } from './names.js';
import type { KeyValue, MlflowRun } from './words.js';

const PAIRS_A_BATCH = 100;

/** Sends the params and tags of one run. */
export class PairLog {
  /** Params that the server has; a param cannot be changed there. */
  readonly #had: Map<string, string>;

  /** @param run as the server has it now */
  constructor({ data }: MlflowRun) {
    this.#had = new Map((data.params ?? []).map(({ key, value }) => [key, value]));
  }

  /** A param that the server has with another value (a run resumed elsewhere) becomes a tag; of a tag the last counts. */
  async log(api: MlflowApi, runId: string, params: readonly KeyValue[], tags: readonly KeyValue[]): Promise<void> {
    const fresh = new Map<string, KeyValue>();
    // A key may stand only once in a batch.
    const labels = new Map(tags.map((tag) => [tag.key, tag]));
    for (const param of params) {
      const before = fresh.get(param.key)?.value ?? this.#had.get(param.key);
      if (before === undefined) fresh.set(param.key, param);
      else if (before !== shortened(param, before.length).value) {
        const tag = mlflowTag(`shield.changed.${param.key}`, param.value, 'journal.jsonl');
        labels.set(tag.key, tag);
      }
    }
    for (const some of chunks([...fresh.values()], PAIRS_A_BATCH))
      await logShortened(some, (params) => api.logBatch(runId, { params }));
    for (const { key, value } of fresh.values()) this.#had.set(key, value);
    for (const some of chunks([...labels.values()], PAIRS_A_BATCH))
      await logShortened(some, (tags) => api.logBatch(runId, { tags }));
  }
}

/** Once more, with values as long as the server says that it takes them. */
async function logShortened(
  pairs: readonly KeyValue[],
  log: (pairs: readonly KeyValue[]) => Promise<void>,
): Promise<void> {
  await log(pairs).catch(async (error: unknown) => {
    const reason =
      error instanceof ShieldError && error.code === 'TRACKING_REFUSED' ? String(error.params['reason']) : '';
    const longest = Number(/had length \d+, which exceeded length limit of (\d+)/.exec(reason)?.[1]);
    if (!(longest > 0) || pairs.every(({ value }) => value.length <= longest)) throw error;
    await log(pairs.map((pair) => shortened(pair, longest)));
  });
}
