import type { Reporter, StageReporter } from '../pipeline/reporter.js';
import { shardName, type Shard } from '../pipeline/shard.js';
import type { SweepEvent } from '../plugin/executor-contract.js';

/** One stage in all shards. */
interface Stage {
  readonly stage: string;
  readonly name: string;
  /** By the shards' indices: images done, of so many, and whether it is over there. */
  readonly shards: Map<number, { readonly done: number; readonly of: number | undefined; readonly ended: boolean }>;
}

/**
 * The shards of a run as whoever runs it sees them: its stages one after another, as in one process, each with the images
 * of all shards and what each shard has. A shard that is ahead shows when its stage has its turn.
 */
export class ShardStages {
  readonly #stages: Stage[] = [];
  /** Shards that are over: index to index. */
  readonly #over = new Set<number>();
  #of = 1;
  #shown = 0;
  #open: StageReporter | undefined;

  constructor(private readonly reporter: Reporter) {}

  begin(of: number): void {
    this.#of = of;
    this.reporter.log(`split into ${of} shard${of === 1 ? '' : 's'}`);
  }

  tell(event: SweepEvent): void {
    switch (event.type) {
      case 'progress':
        return event.shard && this.#progress(event.shard, event);
      case 'ended':
        if (!event.shard) return;
        this.#over.add(event.shard.index);
        return this.#show();
      case 'retry': {
        const { outcome, seconds, note } = event;
        const why = `${outcome.error!.code}: ${outcome.error!.message}`;
        return this.reporter.warn(`${named(event.shard)}${why}; once more in ${seconds} s, ${note}`);
      }
      case 'warn':
        return this.reporter.warn(`${named(event.shard)}${event.message}`);
      case 'log':
        // What all shards do alike is told once.
        if ((event.shard?.index ?? 1) === 1) this.reporter.log(event.message);
        return;
      case 'queued':
      case 'started':
      case 'run':
      case 'artifact':
    }
  }

  close(): void {
    this.#open?.end();
    this.#open = undefined;
  }

  #progress(
    { index }: Shard,
    { stage, name, done, of, ended = false }: Extract<SweepEvent, { type: 'progress' }>,
  ): void {
    let known = this.#stages.find((each) => each.stage === stage && each.name === name);
    if (!known) this.#stages.push((known = { stage, name, shards: new Map() }));
    known.shards.set(index, { done, of, ended });
    this.#show();
  }

  #show(): void {
    for (let stage = this.#stages[this.#shown]; stage; stage = this.#stages[this.#shown]) {
      const shares = [...stage.shards.values()];
      const known = shares.length === this.#of && shares.every(({ of }) => of !== undefined);
      this.#open ??= this.reporter.stage({
        stage: stage.stage,
        name: stage.name,
        total: known ? shares.reduce((sum, { of }) => sum + of!, 0) : undefined,
      });
      const done = shares.reduce((sum, share) => sum + share.done, 0);
      const each = [...stage.shards]
        .sort(([a], [b]) => a - b)
        .map(([index, share]) => `${index}: ${Math.floor(share.done)}`);
      const note = `shards ${each.join('  ')}`;
      this.#open.update(done, note);
      if (!this.#isOver(stage)) return;
      this.#open.end(note);
      this.#open = undefined;
      this.#shown++;
    }
  }

  /** Whether every shard is through with it, or was never in it. */
  #isOver(stage: Stage): boolean {
    const later = this.#stages.slice(this.#stages.indexOf(stage) + 1);
    return Array.from({ length: this.#of }, (_, i) => i + 1).every(
      (index) =>
        this.#over.has(index) || stage.shards.get(index)?.ended || later.some(({ shards }) => shards.has(index)),
    );
  }
}

function named(shard: Shard | undefined): string {
  return shard ? `shard ${shardName(shard)}: ` : '';
}
