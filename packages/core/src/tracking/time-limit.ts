import { setImmediate } from 'node:timers/promises';

/** What setTimeout can wait, about 25 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const limits = new WeakMap<AbortSignal, () => void>();

/**
 * Aborts a controller when so many milliseconds are over: by a timer, and by {@link throwIfStopped}, which needs no turn
 * of the event loop.
 *
 * @returns takes the limit off again
 */
export function limitTime(controller: AbortController, milliseconds: number, reason: () => unknown): () => void {
  const since = performance.now();
  const stop = () => controller.abort(reason());
  const clock = setTimeout(stop, Math.min(milliseconds, LONGEST_TIMER_MS)).unref();
  limits.set(controller.signal, () => {
    if (!controller.signal.aborted && performance.now() - since >= milliseconds) stop();
  });
  return () => {
    clearTimeout(clock);
    limits.delete(controller.signal);
  };
}

/** A signal that is aborted with the others, whose limits hold for it too. */
export function anySignal(...signals: readonly AbortSignal[]): AbortSignal {
  const any = AbortSignal.any([...signals]);
  limits.set(any, () => signals.forEach((signal) => limits.get(signal)?.()));
  return any;
}

/** Between images, where work does not let the event loop have a turn: hears time limits. @throws the signal's reason */
export function throwIfStopped(signal: AbortSignal): void {
  limits.get(signal)?.();
  signal.throwIfAborted();
}

/** Between passes of a network: hears signals and messages too. @throws the signal's reason */
export async function checkpoint(signal: AbortSignal): Promise<void> {
  await setImmediate();
  throwIfStopped(signal);
}
