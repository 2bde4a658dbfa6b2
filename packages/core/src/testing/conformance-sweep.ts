import type { Shield } from '../execution/shield.js';
import { carryOut } from '../sweep/carry-out.js';
import { collectProvenance } from '../tracking/provenance.js';
import type { Run } from '../tracking/runs-folder.js';
import { jobOf } from '../sweep/cell-jobs.js';
import { sweepWork } from '../sweep/run-sweep.js';
import type { ConformanceSweep } from './executor-conformance.js';

/** Four photos that are drawn, a small network, one step: a cell takes a moment on any machine. */
const SPEC = `name: conformance
backend: cpu
batch: 2
model: { use: small_cnn }
dataset: { use: drawn, limit: 4 }
attacks: { fgsm: { use: fgsm, eps: 16 } }
defenses: { jpeg: { use: jpeg, quality: 40 } }
execution: { threads: 1, strip: 0 }
sweep: { grid: { seed: [1, 2, 3] } }
`;
const ENDLESS = [
  '++attacks={slow: {use: cw_l2, max_iterations: 10000, confidence: 1000, early_stop: false}}',
  'dataset.limit=64',
];

/**
 * The sweep that {@link executorConformance} has carried out, planned by a program that has a network, images, an
 * attack and a defense (`createShield` of the package `shield`).
 *
 * @param shield whose runs go to an empty folder, with `program` set
 * @param reference the same with another folder: what it computes there is what the executor is held to
 */
export async function conformanceSweep(
  shield: Shield,
  reference: Shield,
  spec: string = SPEC,
): Promise<ConformanceSweep> {
  const plan = await shield.plan(spec);
  const [failing] = (await shield.plan(spec, { overrides: ['dataset.skip=1000000'] })).cells;
  const [endless] = (await shield.plan(spec, { overrides: ENDLESS })).cells;
  const commandLine = ['conformance'];
  const provenance = await collectProvenance({ seed: plan.seed, commandLine, specDir: plan.folder });
  const work = sweepWork(shield, plan, { run: { id: 'conformance' } as Run, provenance }, commandLine);
  const jobs = plan.cells.map(jobOf);
  const never = new AbortController().signal;
  const expected: Readonly<Record<string, number>>[] = [];
  for (const job of jobs) {
    const { metrics, error } = await carryOut(reference, work, job, never, () => undefined);
    if (!metrics) throw new Error(`the sweep cannot be carried out here: ${error?.message}`);
    expected.push(metrics);
  }
  return {
    work,
    jobs,
    failing: { ...jobOf(failing!), cell: 4 },
    endless: { ...jobOf(endless!), cell: 5 },
    expected,
    carryOut: (job, signal, tell) => carryOut(shield, work, job, signal, tell),
    program: shield.program!,
  };
}
