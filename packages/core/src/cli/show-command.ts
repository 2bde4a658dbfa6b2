import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { columns, shortNumber, shortTime } from '../report/columns.js';
import { duration } from '../report/results-table.js';
import { RESULTS } from '../report/run-table.js';
import { wrap } from '../report/wrap.js';
import type { Provenance } from '../tracking/provenance.js';
import type { UncommittedFiles } from '../tracking/uncommitted-files.js';
import { tellRun, type RunStory } from '../tracking/run-story.js';
import { findRun } from '../tracking/find-run.js';
import { runsFolder } from '../tracking/runs-folder.js';

/** `shield show` */
export async function showCommand(flags: { readonly run: string; readonly json?: boolean }): Promise<void> {
  const run = await findRun(runsFolder(), flags.run);
  if (run.kind === 'sweep') {
    const { showSweep } = await import('./show-sweep.js');
    return showSweep(run, flags);
  }
  const story = await tellRun(run);
  process.stdout.write(flags.json ? `${JSON.stringify(story, null, 2)}\n` : text(story, tableOf(run.path)));
}

/** What the terminal was shown when the run ended. */
function tableOf(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, RESULTS), 'utf8');
  } catch {
    return undefined; // it has not ended, was a training, or is of an older version
  }
}

function text(story: RunStory, table: string | undefined): string {
  const parts = [factsOf(story)];
  if (story.stages.length > 0) parts.push(columns([['stage', 'of', 'seconds'], ...story.stages.map(stageRow)], [2]));
  if (story.warnings.length > 0) parts.push(story.warnings.map((line) => `warning: ${line}\n`).join(''));
  if (table !== undefined) parts.push(table);
  // Bounds of intervals stand beside what they are bounds of.
  const metrics = Object.entries(story.metrics).filter(([key]) => !/_(low|high)$/.test(key));
  if (metrics.length > 0)
    parts.push(
      columns(
        metrics.map(([key, value]) => [key, shortNumber(value), bounds(story.metrics, key)]),
        [1],
      ),
    );
  return parts.join('\n');
}

/** `[0.64–0.95]`, the 95 % interval of a metric that has one. */
function bounds(metrics: RunStory['metrics'], key: string): string {
  const name = key.replace(/_mean$/, '');
  const [low, high] = [metrics[`${name}_low`], metrics[`${name}_high`]];
  return low === undefined || high === undefined ? '' : `[${short(low)}–${short(high)}]`;
}

/** Three digits tell a bound. */
function short(bound: number): string {
  return String(Number(bound.toFixed(3)));
}

/** Who, when, where and of what, one fact a line. */
export function factsOf(story: RunStory): string {
  const { run, status, provenance } = story;
  const facts: [string, string][] = [
    ['run', run.id],
    ['state', stateLine(story)],
    ...(status.error && status.state !== 'INTERRUPTED'
      ? [['error', `${status.error.code}: ${status.error.message}`] as [string, string]]
      : []),
    ...(status.error?.fix ? [['', `→ ${status.error.fix}`] as [string, string]] : []),
    ['begun', `${shortTime(run.createdAt)} UTC`],
    ['worked', `${duration(story.seconds)}${story.seconds < 100 ? ' s' : ''}${attempts(story)}`],
    ['spec', `${run.name} (${run.hash.slice(0, 12)})`],
    ...(run.sweep ? [['sweep', `${run.sweep}, cell ${run.cell}`] as [string, string]] : []),
    ...(run.reproduces ? [['again', run.reproduces] as [string, string]] : []),
    ...(provenance ? provenanceFacts(provenance) : []),
    ['command', typed(run.commandLine)],
    ...(story.peakRss
      ? [['memory', `${shortNumber(Math.round(story.peakRss / 1e6))} MB at most`] as [string, string]]
      : []),
    ['folder', run.path],
    ...(story.damage ? [['damage', story.damage] as [string, string]] : []),
  ];
  return columns(facts.flatMap(([name, value]) => wrapped(name, value)));
}

/** Without the place of the program. */
function typed([program = '', ...words]: readonly string[]): string {
  return [/^shield(\.js)?$/.test(basename(program)) ? 'shield' : program, ...words].join(' ');
}

/** What the column of names takes. */
const NAMES = 'machine  ';

/** A long value goes on below, between its words; a path stays whole. */
function wrapped(name: string, value: string): string[][] {
  if (name === 'folder') return [[name, value]];
  return wrap(value, 80 - NAMES.length)
    .split('\n')
    .map((line, i) => [i === 0 ? name : '', line]);
}

function stateLine({ run, status }: RunStory): string {
  const { state, since, holder, error } = status;
  const at = since === undefined ? '' : ` since ${shortTime(since)} UTC`;
  if (state === 'RUNNING' && holder) return `RUNNING${at}, process ${holder.pid} on ${holder.host}`;
  if (state === 'DEAD') return `DEAD: RUNNING${at}, but no process works on it; shield resume ${run.id}`;
  if (state === 'SUPERSEDED') return `SUPERSEDED: finished${at}, but its sweep counts ${status.supersededBy}`;
  const told = error ? `, ${error.message}` : '';
  if (state === 'INTERRUPTED') return `${state}${at}${told}; shield resume ${run.id} goes on with it`;
  return state === undefined ? 'unknown: the journal holds none' : `${state}${at}`;
}

function attempts({ states }: RunStory): string {
  const count = states.filter(({ state }) => state === 'RUNNING').length;
  return count > 1 ? `, in ${count} attempts` : '';
}

function provenanceFacts(provenance: Provenance): [string, string][] {
  const { seed, git, machine, backend, software } = provenance;
  const commit = git.available
    ? `${git.commit?.slice(0, 12) ?? 'no commit'}${git.dirty ? ' with changes' : ''}`
    : git.reason;
  return [
    ['seed', String(seed)],
    ['code', `shield ${software['shield'] ?? software['@shield/core'] ?? '?'}, ${commit}`],
    ...(provenance.uncommitted ?? []).map((each): [string, string] => ['', uncommitted(each)]),
    [
      'machine',
      `${machine.host}, ${machine.cpu.model}, ${[...machine.gpus.map(({ name }) => name)].join(', ') || 'no GPU'}`,
    ],
    ...(backend ? [['backend', `${backend.name}: ${backend.description}`] as [string, string]] : []),
  ];
}

function uncommitted({ patch, files }: UncommittedFiles): string {
  const kept = files.filter(({ left }) => left === undefined);
  const left = files
    .filter((file) => file.left !== undefined)
    .map(({ path, left: why }) => `${path} is not kept: ${why}`);
  const name = patch?.split('/').at(-1);
  return [...(name ? [`${name} keeps ${kept.map(({ path }) => path).join(', ')}`] : []), ...left].join('; ');
}

function stageRow({ stage, name, seconds, reused }: RunStory['stages'][number]): string[] {
  return [stage, name, seconds === undefined ? (reused ? 'taken over' : 'not finished') : seconds.toFixed(1)];
}
