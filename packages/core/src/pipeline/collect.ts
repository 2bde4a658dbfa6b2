import type { Artifact } from './artifact-store.js';
import type { AttackPlugin } from '../plugin/index.js';
import type { CurveNorm } from '../report/robustness.js';
import type { PipelineContext } from './context.js';
import { fools, type AttackRow, type Prediction, type PredictionRow } from './rows.js';
import { AccuracyCounter, AttackCounter, recovered, type AttackSummary, type Summary } from './summary.js';
import { AS_THEY_ARE, ROUNDED } from './judge.js';

type Predictions = ReadonlyMap<string, Artifact<PredictionRow>>;

export interface Collected {
  readonly clean: Predictions;
  readonly attacks: ReadonlyMap<string, { readonly images: Artifact<AttackRow>; readonly predictions: Predictions }>;
}

/** One image of the run, as `per-image.jsonl` has it. */
export interface ImageResult {
  readonly id: string;
  readonly label: number;
  readonly dropped?: string;
  readonly clean?: Prediction;
  readonly cleanDefended?: Readonly<Record<string, readonly Prediction[]>>;
  readonly attacks?: Readonly<Record<string, Omit<AttackRow, 'id' | 'label'> & AttackedPredictions>>;
}

interface AttackedPredictions {
  readonly float: Prediction;
  readonly rounded: Prediction;
  readonly defended: Readonly<Record<string, readonly Prediction[]>>;
}

/**
 * Walks through the artifacts of a run batch by batch, joins them image by image and counts. Memory does not grow
 * with the number of images.
 */
export async function collect(
  context: PipelineContext,
  collected: Collected,
  onImage: (result: ImageResult) => Promise<void> | void,
): Promise<Summary> {
  const ks = context.spec.evaluate.top;
  const counters = new Counters(ks, new Map(context.attacks.map(({ name, plugin }) => [name, curveNorm(plugin.norm)])));
  const seconds = new Map<string, number>();
  const dropped: { id: string; reason: string }[] = [];
  let images = 0;
  const timed = async <Row>(name: string, artifact: Artifact<Row>, index: number): Promise<readonly Row[]> => {
    const batch = await artifact.read(index);
    seconds.set(name, (seconds.get(name) ?? 0) + batch.seconds);
    return batch.rows;
  };
  const batches = (await collected.clean.get(AS_THEY_ARE.name)!.complete())!.batches;
  for (let index = 0; index < batches; index++) {
    const clean = new Map<string, readonly PredictionRow[]>();
    for (const [path, artifact] of collected.clean) clean.set(path, await timed(`clean/${path}`, artifact, index));
    const attacks: [string, readonly AttackRow[], Map<string, readonly PredictionRow[]>][] = [];
    for (const [name, { images: attacked, predictions }] of collected.attacks) {
      const paths = new Map<string, readonly PredictionRow[]>();
      const rows = await timed(`attack/${name}`, attacked, index);
      for (const [path, artifact] of predictions) paths.set(path, await timed(`${name}/${path}`, artifact, index));
      attacks.push([name, rows, paths]);
    }
    const cleanRows = clean.get(AS_THEY_ARE.name)!;
    for (const row of cleanRows.filter((each) => each.dropped !== undefined)) {
      dropped.push({ id: row.id, reason: row.dropped! });
      await onImage({ id: row.id, label: row.label, dropped: row.dropped! });
    }
    const kept = cleanRows.filter((each) => each.dropped === undefined);
    for (const [i, row] of kept.entries()) {
      images++;
      counters.addClean(clean, i);
      for (const [name, rows, paths] of attacks) counters.addAttacked(name, rows[i]!, paths, i);
      await onImage(joined(row, i, clean, attacks));
    }
  }
  return counters.summary(images, dropped, seconds);
}

/** The norm that an attack's curve is over: of those that are measured, its own, else L2. */
function curveNorm(norm: AttackPlugin['norm']): CurveNorm {
  return norm === 'l0' || norm === 'linf' ? norm : 'l2';
}

function joined(
  row: PredictionRow,
  i: number,
  clean: ReadonlyMap<string, readonly PredictionRow[]>,
  attacks: readonly [string, readonly AttackRow[], ReadonlyMap<string, readonly PredictionRow[]>][],
): ImageResult {
  return {
    id: row.id,
    label: row.label,
    clean: row.draws[0]!,
    cleanDefended: drawsOf(clean, i),
    attacks: Object.fromEntries(
      attacks.map(([name, rows, paths]) => {
        const { id: _id, label: _label, ...rest } = rows[i]!;
        const float = paths.get(AS_THEY_ARE.name)![i]!.draws[0]!;
        const rounded = paths.get(ROUNDED.name)![i]!.draws[0]!;
        return [name, { ...rest, float, rounded, defended: drawsOf(paths, i) }];
      }),
    ),
  };
}

function drawsOf(
  paths: ReadonlyMap<string, readonly PredictionRow[]>,
  i: number,
): Record<string, readonly Prediction[]> {
  const defenses = [...paths].filter(([path]) => path !== AS_THEY_ARE.name && path !== ROUNDED.name);
  return Object.fromEntries(defenses.map(([path, rows]) => [path, rows[i]!.draws]));
}

class Counters {
  readonly #clean = new Map<string, AccuracyCounter>();
  readonly #attacks = new Map<string, { own: AttackCounter; paths: Map<string, AccuracyCounter> }>();

  constructor(
    private readonly ks: readonly number[],
    /** Of the attacks, by name. */
    private readonly norms: ReadonlyMap<string, CurveNorm>,
  ) {}

  addClean(paths: ReadonlyMap<string, readonly PredictionRow[]>, i: number): void {
    for (const [path, rows] of paths) this.#counter(this.#clean, path).add(rows[i]!);
  }

  addAttacked(name: string, row: AttackRow, paths: ReadonlyMap<string, readonly PredictionRow[]>, i: number): void {
    let entry = this.#attacks.get(name);
    if (!entry) this.#attacks.set(name, (entry = { own: new AttackCounter(this.norms.get(name)), paths: new Map() }));
    entry.own.add(row, row.attacked && fools(paths.get(ROUNDED.name)![i]!.draws[0]!, row));
    for (const [path, rows] of paths) this.#counter(entry.paths, path).add(rows[i]!);
  }

  #counter(paths: Map<string, AccuracyCounter>, path: string): AccuracyCounter {
    let counter = paths.get(path);
    if (!counter) paths.set(path, (counter = new AccuracyCounter(this.ks)));
    return counter;
  }

  summary(images: number, dropped: Summary['dropped'], seconds: ReadonlyMap<string, number>): Summary {
    const none = this.#counter(this.#clean, AS_THEY_ARE.name);
    const defenses = (paths: ReadonlyMap<string, AccuracyCounter>) =>
      [...paths].filter(([path]) => path !== AS_THEY_ARE.name && path !== ROUNDED.name);
    const attacks = [...this.#attacks].map(([name, { own, paths }]): [string, AttackSummary] => {
      const float = paths.get(AS_THEY_ARE.name)!;
      const rounded = paths.get(ROUNDED.name)!;
      const defended = defenses(paths).map(([path, counter]) => [
        path,
        {
          accuracy: counter.result,
          recovered: recovered(none, float, rounded, counter),
          seconds: seconds.get(`${name}/${path}`) ?? 0,
        },
      ]);
      return [
        name,
        {
          ...own.result,
          float: float.result,
          rounded: rounded.result,
          seconds: seconds.get(`attack/${name}`) ?? 0,
          defenses: Object.fromEntries(defended) as AttackSummary['defenses'],
        },
      ];
    });
    return {
      images,
      dropped,
      clean: none.result,
      cleanSeconds: seconds.get(`clean/${AS_THEY_ARE.name}`) ?? 0,
      cleanDefended: Object.fromEntries(defenses(this.#clean).map(([path, counter]) => [path, counter.result])),
      attacks: Object.fromEntries(attacks),
    };
  }
}
