import { ShieldError } from '../../errors/index.js';
import { readAnswer } from './answers.js';
import { send, type HttpRequest } from './http.js';
import type { MlflowSettings } from './settings.js';
import type { DatasetInput, KeyValue, MetricPoint, MlflowRun, MlflowStatus } from './words.js';

interface Experiment {
  readonly experiment_id: string;
  readonly lifecycle_stage: 'active' | 'deleted';
}

const API = '/api/2.0/mlflow';

/** Without it MLflow's pages guess, and show what has a dataset as evaluations of language models. */
const EXPERIMENT_TAGS: readonly KeyValue[] = [{ key: 'mlflow.experimentKind', value: 'custom_model_development' }];

/**
 * The part of MLflow's REST API (2.0) that a run needs, one method an endpoint. There is no OpenAPI document of it: it
 * was written from the server's behaviour, and tests hold it to a real server.
 *
 * Every method throws TRACKING_UNREACHABLE, TRACKING_REFUSED (with what the server says) or TRACKING_UNSUPPORTED.
 */
export class MlflowApi {
  constructor(
    readonly settings: MlflowSettings,
    private readonly signal?: AbortSignal,
  ) {}

  /** @returns undefined where there is none of that name */
  async experimentByName(name: string): Promise<Experiment | undefined> {
    const query = `?experiment_name=${encodeURIComponent(name)}`;
    const answer = await this.#get('experiments/get-by-name', query, ['RESOURCE_DOES_NOT_EXIST']);
    return (answer as { experiment?: Experiment }).experiment;
  }

  /** @returns its id; undefined where somebody else has just made one of that name */
  async createExperiment(name: string): Promise<string | undefined> {
    const answer = await this.#post(
      'experiments/create',
      { name, tags: EXPERIMENT_TAGS },
      { tolerated: ['RESOURCE_ALREADY_EXISTS'] },
    );
    return (answer as { experiment_id?: string }).experiment_id;
  }

  async restoreExperiment(id: string): Promise<void> {
    await this.#post('experiments/restore', { experiment_id: id });
  }

  /** The runs that carry a tag, in any state of life, the oldest first. */
  async runsWithTag(experiment: string, key: string, value: string): Promise<readonly MlflowRun[]> {
    const answer = await this.#post('runs/search', {
      experiment_ids: [experiment],
      filter: `tags.\`${key}\` = '${value}'`,
      run_view_type: 'ACTIVE_ONLY',
      order_by: ['attributes.start_time ASC'],
      max_results: 10,
    });
    return (answer as { runs?: MlflowRun[] }).runs ?? [];
  }

  /** Not sent twice where it is not known whether it arrived: each one that arrives makes a run. */
  async createRun(run: {
    readonly experiment_id: string;
    readonly run_name: string;
    readonly start_time: number;
    readonly tags: readonly KeyValue[];
  }): Promise<MlflowRun> {
    const answer = await this.#post('runs/create', run, { repeatable: false });
    return (answer as { run: MlflowRun }).run;
  }

  /** @returns undefined where it was deleted for good */
  async run(id: string): Promise<MlflowRun | undefined> {
    const answer = await this.#get('runs/get', `?run_id=${encodeURIComponent(id)}`, ['RESOURCE_DOES_NOT_EXIST']);
    return (answer as { run?: MlflowRun }).run;
  }

  /** At most 1,000 metrics, 100 params, 100 tags, 1,000 in all; written whole or not at all by the SQL stores. */
  async logBatch(
    id: string,
    batch: {
      readonly metrics?: readonly MetricPoint[];
      readonly params?: readonly KeyValue[];
      readonly tags?: readonly KeyValue[];
    },
  ): Promise<void> {
    // A fractional timestamp or a value that is no number is answered with 200 and the metric stored as 0, so numbers are made sure of here.
    const metrics = batch.metrics?.map(({ value, ...point }) => ({ ...point, value: jsonNumber(value) }));
    await this.#post('runs/log-batch', { run_id: id, ...batch, ...(metrics ? { metrics } : {}) });
  }

  async updateRun(id: string, status: MlflowStatus, endTime?: number): Promise<void> {
    await this.#post('runs/update', { run_id: id, status, ...(endTime === undefined ? {} : { end_time: endTime }) });
  }

  async deleteRun(id: string): Promise<void> {
    await this.#post('runs/delete', { run_id: id });
  }

  async logInputs(id: string, datasets: readonly DatasetInput[]): Promise<void> {
    await this.#post('runs/log-inputs', { run_id: id, datasets });
  }

  /** Every point of a metric that the server has. */
  async metricHistory(id: string, key: string): Promise<MetricPoint[]> {
    const points: MetricPoint[] = [];
    for (let token = ''; ;) {
      const query = `?run_id=${id}&metric_key=${encodeURIComponent(key)}&max_results=25000`;
      const page = await this.#get('metrics/get-history', token ? `${query}&page_token=${token}` : query);
      const { metrics = [], next_page_token: next } = page as {
        metrics?: (Omit<MetricPoint, 'value'> & { value: number | string })[];
        next_page_token?: string;
      };
      // The server leaves out what is 0.
      for (const { key: name, value, timestamp, step } of metrics) {
        points.push({ key: name, value: Number(value ?? 0), timestamp: Number(timestamp), step: Number(step ?? 0) });
      }
      if (!next) return points;
      token = encodeURIComponent(next);
    }
  }

  /**
   * Sends a file through the server's artifact proxy.
   *
   * @param artifactUri the run's, `mlflow-artifacts:/…`
   * @param path below it, with slashes
   */
  async uploadArtifact(artifactUri: string, path: string, file: NonNullable<HttpRequest['file']>): Promise<void> {
    const root = proxied(artifactUri, this.settings.uri);
    const target = [...root, ...path.split('/')].map(encodeURIComponent).join('/');
    const what = `the artifact ${path}`;
    const request: HttpRequest = { method: 'PUT', path: `/api/2.0/mlflow-artifacts/artifacts/${target}`, file };
    readAnswer(this.settings.uri, await send(this.settings, request, this.signal), what, []);
  }

  async #get(endpoint: string, query: string, tolerated: readonly string[] = []): Promise<object> {
    const answer = await send(this.settings, { method: 'GET', path: `${API}/${endpoint}${query}` }, this.signal);
    return readAnswer(this.settings.uri, answer, endpoint, tolerated);
  }

  async #post(
    endpoint: string,
    json: object,
    { repeatable = true, tolerated = [] }: { repeatable?: boolean; tolerated?: readonly string[] } = {},
  ): Promise<object> {
    const request: HttpRequest = { method: 'POST', path: `${API}/${endpoint}`, json, repeatable };
    return readAnswer(this.settings.uri, await send(this.settings, request, this.signal), endpoint, tolerated);
  }
}

function proxied(artifactUri: string, server: string): string[] {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(artifactUri);
  if (match) return match[1]!.split('/').filter(Boolean);
  throw new ShieldError('TRACKING_UNSUPPORTED', {
    uri: server,
    reason: `keeps artifacts at ${artifactUri.split('://')[0]}://…, which its clients are to write themselves`,
    expected: 'start it with --serve-artifacts (the default), and make the experiment anew; all else was sent',
  });
}

/** Numbers that JSON does not have go as texts, which the server understands. */
function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
