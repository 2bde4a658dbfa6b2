import { AS_THEY_ARE, ROUNDED } from '../judge.js';
import { fools, type AttackRow, type PredictionRow } from '../rows.js';
import { AccuracyCounter } from './accuracy.js';
import { AttackCounter } from './attack-counter.js';
import { recoveredShare } from './statistics.js';
import type { AttackSummary, DefenseSummary, Summary } from './summary.js';

/** Adds up what all images show, one at a time. */
export class SummaryCounter {
  readonly #clean = new Map<string, AccuracyCounter>();
  readonly #attacks = new Map<string, { own: AttackCounter; paths: Map<string, AccuracyCounter> }>();

  constructor(
    private readonly ks: readonly number[],
    /** The names of the members of each ensemble. */
    private readonly members: ReadonlyMap<string, readonly string[]>,
  ) {}

  addClean(paths: ReadonlyMap<string, readonly PredictionRow[]>, i: number): void {
    for (const [path, rows] of paths) this.#counter(this.#clean, path).add(rows[i]!);
  }

  addAttacked(name: string, row: AttackRow, paths: ReadonlyMap<string, readonly PredictionRow[]>, i: number): void {
    let entry = this.#attacks.get(name);
    if (!entry) this.#attacks.set(name, (entry = { own: new AttackCounter(), paths: new Map() }));
    entry.own.add(row, row.attacked && fools(paths.get(ROUNDED.name)![i]!.draws[0]!, row));
    for (const [path, rows] of paths) this.#counter(entry.paths, path).add(rows[i]!);
  }

  #counter(paths: Map<string, AccuracyCounter>, path: string): AccuracyCounter {
    let counter = paths.get(path);
    if (!counter) paths.set(path, (counter = new AccuracyCounter(this.ks, this.members.get(path))));
    return counter;
  }

  summary(
    images: number,
    troubles: Pick<Summary, 'dropped' | 'unusable'>,
    seconds: ReadonlyMap<string, number>,
  ): Summary {
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
      ...troubles,
      clean: none.result,
      cleanSeconds: seconds.get(`clean/${AS_THEY_ARE.name}`) ?? 0,
      cleanDefended: Object.fromEntries(defenses(this.#clean).map(([path, counter]) => [path, counter.result])),
      attacks: Object.fromEntries(attacks),
    };
  }
}

/** Recovered share of one defense on the same images, in both readings. */
function recovered(
  clean: AccuracyCounter,
  float: AccuracyCounter,
  rounded: AccuracyCounter,
  defended: AccuracyCounter,
): DefenseSummary['recovered'] {
  return {
    float: recoveredShare(clean.hits(1), float.hits(1), defended.hits(1)),
    rounded: recoveredShare(clean.hits(1), rounded.hits(1), defended.hits(1)),
  };
}
