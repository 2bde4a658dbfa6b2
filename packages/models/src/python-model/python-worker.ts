import { runAsWorker } from 'synckit';
import { PythonProcess, type Question, type Reply } from './python-process.js';

/** What the thread is asked for: a process, something of it, or its end. */
export type Request =
  | { readonly start: string }
  | {
      readonly process: number;
      readonly question: Question;
      readonly values?: Float32Array;
      readonly timeoutMs: number;
    }
  | { readonly stop: number };

/** Errors lose their class on the way out of a worker. */
export type Told = { readonly process: number } | { readonly reply: Reply } | { readonly fault: string };

const processes: PythonProcess[] = [];

runAsWorker(async (request: Request): Promise<Told> => {
  if ('start' in request) return { process: processes.push(new PythonProcess(request.start)) - 1 };
  if ('stop' in request) {
    processes[request.stop]!.stop();
    return { process: request.stop };
  }
  try {
    return { reply: await processes[request.process]!.ask(request.question, request.values, request.timeoutMs) };
  } catch (error) {
    return { fault: (error as Error).message };
  }
});
