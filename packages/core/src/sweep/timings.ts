import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { plannedSteps, workOf, type PlannedStep } from '../execution/planned-steps.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { canonicalHash } from '../spec/canonical.js';
import type { PluginUse, ResolvedSpec } from '../spec/resolved-spec.js';
import { readMetrics, type Metrics } from '../tracking/run-query.js';
import { listRuns } from '../tracking/runs-folder.js';

/** What a step will take. */
export interface StepTime {
  readonly seconds: number;
  /** Whether the same step was timed, on other images perhaps. */
  readonly exact: boolean;
}

/** The latest runs tell enough. */
const RUNS = 100;

/** What the steps of earlier runs took on this machine's runs folder. */
export class Timings {
  /** Seconds an image, by step. */
  readonly #steps = new Map<string, number>();
  /** Seconds of one forward pass over one image, by network and backend; of each attack that was timed. */
  readonly #passes = new Map<string, number[]>();
  /** The median of each network's passes, once it is asked for. */
  readonly #rates = new Map<string, number | undefined>();
  /** Data sets as if they were taken whole. */
  readonly #whole = new WeakMap<PluginUse, PluginUse>();

  private constructor(private readonly registry: PluginRegistry) {}

  /** Reads the finished runs in a folder; those that name plugins which are not loaded tell nothing. */
  static async read(runsFolder: string, registry: PluginRegistry): Promise<Timings> {
    const timings = new Timings(registry);
    const finished = (await listRuns(runsFolder)).filter(({ state }) => state === 'COMPLETED');
    for (const run of finished.slice(-RUNS)) {
      try {
        timings.#learn(parse(readFileSync(run.files.resolved, 'utf8')) as ResolvedSpec, readMetrics(run));
      } catch {
        continue;
      }
    }
    return timings;
  }

  /** What each step of a spec will take; undefined where nothing tells. @param images that it takes */
  of(spec: ResolvedSpec, images = 1): (step: PlannedStep, i: number) => StepTime | undefined {
    const keys = this.#steps.size > 0 ? this.#anyImages(spec) : [];
    const network = networkOf(spec);
    if (!this.#rates.has(network)) this.#rates.set(network, median(this.#passes.get(network) ?? []));
    const rate = this.#rates.get(network);
    return (step, i) => {
      const known = keys[i] && this.#steps.get(keys[i].key);
      if (known !== undefined) return { seconds: known * images, exact: true };
      return rate === undefined ? undefined : { seconds: rate * workOf(step) * images, exact: false };
    };
  }

  #learn(spec: ResolvedSpec, metrics: Metrics): void {
    const { images } = metrics;
    if (!images) return;
    for (const step of this.#anyImages(spec)) {
      const seconds = step.seconds === undefined ? undefined : metrics[step.seconds];
      if (seconds !== undefined && seconds > 0) this.#steps.set(step.key, seconds / images);
    }
    for (const name of Object.keys(spec.attacks)) {
      const [seconds, attacked, forwards = 0, gradients = 0] = ['seconds', 'attacked', 'forwards', 'gradients'].map(
        (each) => metrics[`attack/${name}/${each}`],
      );
      const work = workOf({ forwards, gradients }) * (attacked ?? 0);
      if (!seconds || work === 0) continue;
      const network = networkOf(spec);
      const rates = this.#passes.get(network);
      if (rates) rates.push(seconds / work);
      else this.#passes.set(network, [seconds / work]);
    }
  }

  /** The steps, named alike whatever part of the data set is taken. */
  #anyImages(spec: ResolvedSpec): readonly PlannedStep[] {
    let dataset = this.#whole.get(spec.dataset);
    if (!dataset) this.#whole.set(spec.dataset, (dataset = { ...spec.dataset, limit: 0, skip: 0 }));
    return plannedSteps({ ...spec, dataset }, this.registry);
  }
}

function networkOf({ model, backend, execution }: ResolvedSpec): string {
  return canonicalHash({ model, backend, threads: execution.threads });
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
