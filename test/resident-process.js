/*
 * The built `shield` command in a process that stays: what `resident.ts` asks for is run one after another, each with
 * arguments, environment, working directory and standard output of its own. The program and its backend are loaded once.
 */
import { main } from '../dist/main.js';

const streams = { stdout: process.stdout, stderr: process.stderr };
for (const stream of Object.values(streams)) stream.setMaxListeners(0);

let last = Promise.resolve();
process.on('message', (request) => {
  last = last.then(() => answer(request));
});
process.on('disconnect', () => process.exit());

async function answer({ id, args, env, cwd }) {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv.splice(1, Infinity, 'shield', ...args);
  process.exitCode = undefined;
  const written = { stdout: '', stderr: '' };
  const before = {};
  for (const [name, stream] of Object.entries(streams)) {
    before[name] = stream.write;
    stream.write = (chunk, ...rest) => {
      written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      rest.findLast((each) => typeof each === 'function')?.();
      return true;
    };
  }
  try {
    await main(process.argv);
  } catch (error) {
    written.stderr += `thrown: ${error?.stack ?? error}\n`;
    process.exitCode = 70;
  } finally {
    for (const [name, stream] of Object.entries(streams)) stream.write = before[name];
  }
  const code = process.exitCode ?? 0;
  process.exitCode = undefined;
  process.send({ id, outcome: { code, signal: null, ...written } });
}
