import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError } from '../../errors/index.js';
import { scanJournal, type JournalCursor } from '../journal-reader.js';
import { openRun, statusOf, type Run } from '../runs-folder.js';
import { MlflowApi } from './api.js';
import { SyncRecord, sentTo, type SyncState } from './cursor.js';
import { datasetInput, describeRun } from './describe-run.js';
import { missingPoints } from './missing-points.js';
import { chunks, mlflowTag } from './names.js';
import { openExperiment, openMlflowRun } from './open-run.js';
import { PairLog } from './pair-log.js';
import { sendArtifacts } from './run-artifacts.js';
import type { MlflowSettings } from './settings.js';
import { hasEnded, mlflowStatus, translate } from './translate.js';
import type { KeyValue, MetricPoint } from './words.js';

const METRICS_A_BATCH = 1000;
/** By which MLflow's pages nest runs. */
const PARENT_TAG = 'mlflow.parentRunId';
const START: JournalCursor = { offset: 0, line: 0 };

/** What one pass sent. */
export interface PassReport {
  readonly metrics: number;
  readonly files: number;
}

/**
 * Brings one run on an MLflow server up to what its journal and directory hold. It may be stopped at any moment and
 * done again, by this process or a later one: the server is as if all had been sent once. One feeder at a time works on
 * a run: see `withSyncLock`.
 */
export class MlflowFeeder {
  readonly #record: SyncRecord;
  #state: SyncState | undefined;
  #pairs: PairLog | undefined;
  /** Points of entries before it may be on the server although the record does not know it. */
  #doubtful: JournalCursor | undefined;
  #sawArtifact = false;
  #metrics = 0;
  #files = 0;

  constructor(
    private readonly run: Run,
    private readonly settings: MlflowSettings,
  ) {
    this.#record = new SyncRecord(run, settings.uri);
  }

  /**
   * Sends what is missing.
   *
   * @throws TRACKING_UNREACHABLE, TRACKING_REFUSED, TRACKING_UNSUPPORTED; JOURNAL_CORRUPT, when all before it was sent
   */
  async pass(signal?: AbortSignal): Promise<PassReport> {
    const api = new MlflowApi(this.settings, signal);
    this.#metrics = this.#files = 0;
    const state = this.#state ?? (await this.#open(api));
    // Set by an earlier pass that failed, or by a process that was killed.
    this.#doubtful ??= state.sending;
    if (!state.described) await this.#describe(api);
    const damage = await this.#feed(api);
    await this.#tellState(api);
    await this.#tellDataset(api);
    await this.#sendFiles(api);
    if (damage) throw damage;
    return { metrics: this.#metrics, files: this.#files };
  }

  /** Where people see the run. */
  get address(): string | undefined {
    if (!this.#state) return undefined;
    return runAddress(this.settings.uri, this.#state);
  }

  async #open(api: MlflowApi): Promise<SyncState> {
    const known = await this.#record.read();
    const there = known && (await api.run(known.runId));
    if (known && there?.info.lifecycle_stage === 'active') {
      this.#pairs = new PairLog(there);
      return (this.#state = known);
    }
    const experimentId = await openExperiment(api);
    const { found, isNew } = await openMlflowRun(api, experimentId, this.run, await describeRun(this.run));
    this.#pairs = new PairLog(found);
    const { run_id: runId, artifact_uri: artifactUri } = found.info;
    const fresh = { experimentId, runId, artifactUri, cursor: START, described: false, dataset: false, files: {} };
    // Where our record of it was lost, anything that stands in the journal may be there.
    const offset = isNew ? 0 : (await stat(this.run.files.journal)).size;
    await this.#save(isNew ? fresh : { ...fresh, sending: { offset, line: 0 } });
    return this.#state!;
  }

  async #describe(api: MlflowApi): Promise<void> {
    const { params, tags } = await describeRun(this.run);
    const parent = await this.#parent(api);
    await this.#logPairs(api, params, parent ? [...tags, { key: PARENT_TAG, value: parent }] : tags);
    await this.#save({ ...this.#state!, described: true });
  }

  /** MLflow's id of the sweep that this run is a cell of; its run is made there where it is not yet. */
  async #parent(api: MlflowApi): Promise<string | undefined> {
    const { sweep } = this.run;
    if (sweep === undefined) return undefined;
    const parent = await openRun(join(this.run.path, '..', sweep)).catch(() => undefined);
    // A cell that was exported by itself stands alone.
    if (!parent) return undefined;
    const known = (await sentTo(parent))[this.settings.uri];
    if (known && known.experimentId === this.#state!.experimentId) return known.runId;
    const made = await openMlflowRun(api, this.#state!.experimentId, parent, await describeRun(parent));
    return made.found.info.run_id;
  }

  async #tellDataset(api: MlflowApi): Promise<void> {
    const { runId, state, dataset } = this.#state!;
    if (dataset || !(this.#sawArtifact || (state && hasEnded(state)))) return;
    const input = await datasetInput(this.run);
    if (input) {
      await api.logInputs(runId, [input]).catch(async (error: unknown) => {
        if (!(error instanceof ShieldError && error.code === 'TRACKING_UNSUPPORTED')) throw error;
        // Servers before 2.4 know no inputs.
        const { name, digest } = input.dataset;
        const tags = [mlflowTag('shield.dataset', `${name} ${digest}`, 'provenance.json')];
        await this.#logPairs(api, [], tags);
      });
    }
    await this.#save({ ...this.#state!, dataset: true });
  }

  async #logPairs(api: MlflowApi, params: readonly KeyValue[], tags: readonly KeyValue[]): Promise<void> {
    await this.#pairs!.log(api, this.#state!.runId, params, tags);
  }

  /** @returns what is wrong with the journal, when all before it was sent */
  async #feed(api: MlflowApi): Promise<ShieldError | undefined> {
    let batch = new Batch();
    let damage: ShieldError | undefined;
    const entries = scanJournal(this.run.files.journal, this.#state!.cursor);
    for (;;) {
      const step = await entries.next().catch((error: unknown) => {
        if (!(error instanceof ShieldError)) throw error;
        damage = error;
        return { done: true } as const;
      });
      if (step.done) break;
      const { entry, next } = step.value;
      const { metrics, param, tags } = translate(entry);
      if (entry.type === 'artifact') this.#sawArtifact = true;
      if (metrics) batch.metrics.push(...metrics);
      if (param) batch.params.push(param);
      if (tags) batch.tags.push(...tags);
      batch.end = next;
      if (batch.metrics.length >= METRICS_A_BATCH) {
        await this.#sendBatch(api, batch);
        batch = new Batch();
      }
    }
    if (batch.end) await this.#sendBatch(api, batch);
    return damage;
  }

  async #sendBatch(api: MlflowApi, batch: Batch): Promise<void> {
    const { sending: _sending, ...before } = this.#state!;
    const end = batch.end!;
    const doubtAfter = this.#doubtful && this.#doubtful.offset > end.offset ? this.#doubtful : undefined;
    if (batch.metrics.length + batch.params.length + batch.tags.length > 0) {
      const { metrics: all } = batch;
      const metrics = this.#doubtful ? await missingPoints(api, before.runId, all) : all;
      await this.#save({ ...before, sending: doubtAfter ?? end });
      await this.#logPairs(api, batch.params, batch.tags);
      for (const some of chunks(metrics, METRICS_A_BATCH)) await api.logBatch(before.runId, { metrics: some });
      this.#metrics += metrics.length;
    }
    this.#doubtful = doubtAfter;
    await this.#save({ ...before, cursor: end, ...(doubtAfter ? { sending: doubtAfter } : {}) });
  }

  /** By what was told last, not by what this pass read: a pass may have failed just before. */
  async #tellState(api: MlflowApi): Promise<void> {
    const { state, since, supersededBy } = await statusOf(this.run);
    const told = `${state} ${since}`;
    if (state === undefined || this.#state!.told === told) return;
    // Nobody wrote down when a run died: its journal shows its last sign of life.
    const time = state === 'DEAD' ? (await stat(this.run.files.journal)).mtimeMs : Date.parse(since ?? '');
    const tags = supersededBy === undefined ? [] : [{ key: 'shield.superseded_by', value: supersededBy }];
    if (state === 'DEAD' || state === 'SUPERSEDED')
      await this.#logPairs(api, [], [{ key: 'shield.state', value: state }, ...tags]);
    await api.updateRun(this.#state!.runId, mlflowStatus(state), hasEnded(state) ? Math.trunc(time) : undefined);
    await this.#save({ ...this.#state!, state, told });
  }

  async #sendFiles(api: MlflowApi): Promise<void> {
    const { state, artifactUri } = this.#state!;
    await sendArtifacts(api, artifactUri, this.run, {
      sent: this.#state!.files,
      ended: state !== undefined && hasEnded(state),
      onSent: async (name, mark, tag) => {
        if (tag) await this.#logPairs(api, [], [tag]);
        this.#files++;
        await this.#save({ ...this.#state!, files: { ...this.#state!.files, [name]: mark } });
      },
    });
  }

  async #save(state: SyncState): Promise<void> {
    this.#state = state;
    await this.#record.write(state);
  }
}

class Batch {
  readonly metrics: MetricPoint[] = [];
  readonly params: KeyValue[] = [];
  readonly tags: KeyValue[] = [];
  end: JournalCursor | undefined;
}

/** The page of a run in MLflow's own pages. */
export function runAddress(uri: string, { experimentId, runId }: Pick<SyncState, 'experimentId' | 'runId'>): string {
  return `${uri}/#/experiments/${experimentId}/runs/${runId}`;
}
