/* What the cells of a sweep say of their stages, beside what the sweep took. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** @param runs a folder with one sweep and its cells @returns seconds, and how many attacks were carried out */
export function stagesOf(runs) {
  let [cells, attacks, work, took] = [0, 0, 0, 0];
  for (const name of readdirSync(runs).filter((each) => each !== 'artifacts')) {
    const lines = readFileSync(join(runs, name, 'journal.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const entries = lines.map((line) => JSON.parse(line));
    if (entries.some(({ type }) => type === 'cell')) {
      const begun = entries.find(({ type, phase }) => type === 'cell' && phase === 'started');
      const ended = entries.findLast(({ type, phase }) => type === 'cell' && phase === 'ended');
      took = (Date.parse(ended.time) - Date.parse(begun.time)) / 1000;
      continue;
    }
    cells++;
    for (const { type, stage, phase, seconds } of entries) {
      if (type !== 'stage' || phase !== 'end') continue;
      if (stage === 'attack') attacks++;
      work += seconds;
    }
  }
  return { cells, attacks, work, took };
}
