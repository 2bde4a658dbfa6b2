import { Kept } from '../execution/kept/kept.js';
import type { PluginPackage } from '../execution/plugin-package.js';
import type { Shield } from '../execution/shield.js';
import { carryOut } from '../sweep/carry-out.js';
import type { FromWorker, ToWorker } from './messages.js';
import { shieldOfWork } from './shield-of-work.js';

export interface ChildOptions {
  readonly plugins: readonly PluginPackage[];
  /** Of the backend, where a spec leaves it open. */
  readonly threads: number;
}

const ALIVE_EVERY_MS = 500;
/** A run that is told to stop since its parent is gone has so long to write its state. */
const LAST_WORDS_MS = 10_000;

/**
 * A worker process: carries out the cells that its parent sends, one at a time, until the parent goes. It never outlives
 * it: a run that is at work then is left INTERRUPTED, and can be gone on with.
 */
export async function serveParent({ plugins, threads }: ChildOptions): Promise<void> {
  const send = (message: FromWorker) => void process.send?.(message);
  let shield:
    { readonly shield: Promise<Shield>; readonly work: Extract<ToWorker, { type: 'work' }>['work'] } | undefined;
  let stopping = new AbortController();
  let busy = false;
  const kept = new Kept();

  // Ctrl-C reaches the whole group: a run hears it for itself, and an idle worker waits for its parent's word.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  setInterval(() => send({ type: 'alive', rss: process.memoryUsage.rss() }), ALIVE_EVERY_MS);

  const gone = new Promise<void>((resolve) => process.once('disconnect', resolve));
  process.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'work': {
        const { work } = message;
        shield = { shield: shieldOfWork(work, { plugins, threads }), work };
        // What is wrong with it every cell says.
        shield.shield.catch(() => undefined);
        send({ type: 'ready' });
        return;
      }
      case 'stop':
        stopping.abort();
        return;
      case 'job': {
        stopping = new AbortController();
        busy = true;
        const report = (each: Extract<FromWorker, { type: 'report' }>['report']) =>
          send({ type: 'report', report: each });
        const { work } = shield!;
        void carryOut(shield!.shield, work, message.job, stopping.signal, report, { kept }).then((outcome) => {
          busy = false;
          send({ type: 'outcome', outcome });
        });
      }
    }
  });
  await gone;
  stopping.abort();
  const since = performance.now();
  const leave = () => {
    if (!busy || performance.now() - since > LAST_WORDS_MS) process.exit(0);
    setTimeout(leave, 50);
  };
  leave();
}
