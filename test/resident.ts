import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { root, type Outcome, type StartOptions } from './shield.js';

let child: ChildProcess | undefined;
let asked = 0;
const waiting = new Map<number, { resolve: (outcome: Outcome) => void; reject: (error: Error) => void }>();

/**
 * As `shield` of shield.ts, for tests of what commands do and say: the built program in another process, but one that
 * serves all calls of a test file one after another, since starting it takes longer than most of what is asked of it.
 * Tests of processes themselves (signals, exit codes of the process, files edited between two runs) start their own.
 */
export function shield(args: readonly string[], { runs, env, cwd = root }: StartOptions): Promise<Outcome> {
  const id = asked++;
  child ??= startProcess();
  const answered = new Promise<Outcome>((resolve, reject) => waiting.set(id, { resolve, reject }));
  child.send({ id, args, cwd, env: { ...process.env, SHIELD_RUNS: runs, ...env } });
  return answered;
}

function startProcess(): ChildProcess {
  const started = fork(fileURLToPath(new URL('resident-process.js', import.meta.url)), {
    // No terminal, whatever the tests run on.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  started.stdout!.pipe(process.stdout);
  started.stderr!.pipe(process.stderr);
  started.on('message', ({ id, outcome }: { id: number; outcome: Outcome }) => {
    waiting.get(id)?.resolve(outcome);
    waiting.delete(id);
  });
  started.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`shield ended in the middle: ${code ?? signal}`));
    waiting.clear();
    if (child === started) child = undefined;
  });
  return started;
}

afterAll(() => {
  child?.kill();
});
