/** A signal that asks a run to stop, and the exit code that shells expect after it (128 + its number). */
export type StopSignal = 'SIGINT' | 'SIGTERM';
export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const satisfies Record<StopSignal, number>;

/** Something that can be asked to stop. */
export interface Stoppable {
  /** The first signal: stop at the next checkpoint. */
  stop(signal: StopSignal): void;
  /** The second one: the process exits when this returns. */
  lastWords(signal: StopSignal): void;
}

/**
 * One Ctrl-C often comes twice: from the terminal and from npx, which passes it on. A second signal counts as one when
 * it comes later than this.
 */
const SAME_KEYPRESS_MS = 250;

const active = new Set<Stoppable>();
let first: { readonly signal: StopSignal; readonly at: number } | undefined;

/** Has the stoppable hear of SIGINT and SIGTERM until the returned function is called. */
export function hearSignals(stoppable: Stoppable): () => void {
  if (active.size === 0) for (const signal of signals()) process.on(signal, onSignal);
  active.add(stoppable);
  return () => {
    if (!active.delete(stoppable) || active.size > 0) return;
    for (const signal of signals()) process.off(signal, onSignal);
    first = undefined;
  };
}

function onSignal(signal: NodeJS.Signals): void {
  const stop = signal as StopSignal;
  if (!first) {
    first = { signal: stop, at: performance.now() };
    for (const each of active) each.stop(stop);
    return;
  }
  if (first.signal === stop && performance.now() - first.at < SAME_KEYPRESS_MS) return;
  for (const each of active) each.lastWords(stop);
  process.exit(EXIT_CODES[stop]);
}

function signals(): readonly StopSignal[] {
  return Object.keys(EXIT_CODES) as StopSignal[];
}
