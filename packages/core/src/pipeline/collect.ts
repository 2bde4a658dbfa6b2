import type { Artifact } from './artifact-store.js';
import type { PipelineContext } from './context.js';
import { isEnsemble } from './defenses.js';
import type { AttackRow, Prediction, PredictionRow } from './rows.js';
import { agreement } from './summary/statistics.js';
import { SummaryCounter } from './summary/summary-counter.js';
import type { ImageTrouble, Summary } from './summary/summary.js';
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
  /** One prediction a draw. */
  readonly cleanDefended?: Readonly<Record<string, readonly Prediction[]>>;
  /** Of random defenses: how often two draws name the same class. */
  readonly cleanAgreement?: Readonly<Record<string, number>>;
  readonly attacks?: Readonly<Record<string, Omit<AttackRow, 'id' | 'label'> & AttackedPredictions>>;
}

interface AttackedPredictions {
  readonly float: Prediction;
  readonly rounded: Prediction;
  readonly defended: Readonly<Record<string, readonly Prediction[]>>;
  readonly agreement?: Readonly<Record<string, number>>;
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
  const counters = new SummaryCounter(ks, memberNames(context));
  const seconds = new Map<string, number>();
  const dropped: ImageTrouble[] = [];
  const unusable: ImageTrouble[] = [];
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
      const trouble = row.draws[0]!.unusable;
      if (trouble !== undefined) unusable.push({ id: row.id, reason: trouble });
      counters.addClean(clean, i);
      for (const [name, rows, paths] of attacks) counters.addAttacked(name, rows[i]!, paths, i);
      await onImage(joined(row, i, clean, attacks));
    }
  }
  return counters.summary(images, { dropped, unusable }, seconds);
}

function memberNames({ defenses }: PipelineContext): ReadonlyMap<string, readonly string[]> {
  return new Map(
    defenses.flatMap((defense) =>
      isEnsemble(defense) ? [[defense.name, defense.members.map(({ name }) => name)] as const] : [],
    ),
  );
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
    ...defended(clean, i, 'cleanDefended', 'cleanAgreement'),
    attacks: Object.fromEntries(
      attacks.map(([name, rows, paths]) => {
        const { id: _id, label: _label, ...rest } = rows[i]!;
        const float = paths.get(AS_THEY_ARE.name)![i]!.draws[0]!;
        const rounded = paths.get(ROUNDED.name)![i]!.draws[0]!;
        return [name, { ...rest, float, rounded, ...defended(paths, i, 'defended', 'agreement') }];
      }),
    ),
  };
}

/** The draws of each defense and, where there are several, how far they agree. */
function defended<D extends string, A extends string>(
  paths: ReadonlyMap<string, readonly PredictionRow[]>,
  i: number,
  draws: D,
  agrees: A,
): { readonly [K in D]: Record<string, readonly Prediction[]> } & { readonly [K in A]?: Record<string, number> } {
  const defenses = [...paths].filter(([path]) => path !== AS_THEY_ARE.name && path !== ROUNDED.name);
  const rows = defenses.map(([path, all]) => [path, all[i]!.draws] as const);
  const several = rows.filter(([, each]) => each.length > 1);
  const shares = several.map(([path, each]) => [path, agreement(each.map(({ top }) => top[0]!))] as const);
  return {
    [draws]: Object.fromEntries(rows),
    ...(several.length > 0 ? { [agrees]: Object.fromEntries(shares) } : {}),
  } as ReturnType<typeof defended<D, A>>;
}
