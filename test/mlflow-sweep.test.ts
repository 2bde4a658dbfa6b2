import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mlflowProgram, MlflowReader, MlflowServer, type Snapshot } from './mlflow-server.js';
import { readJson, runsIn, shield, temporaryFolder } from './shield.js';

const program = mlflowProgram();

const SPEC = `name: nested
backend: cpu
batch: 4
model: { use: small_cnn }
dataset: { use: drawn, limit: 4 }
attacks: { fgsm: { use: fgsm, eps: 16 } }
defenses: { jpeg: { use: jpeg } }
execution: { strip: 0 }
sweep: { grid: { attack: [fgsm], defenses.jpeg.quality: [20, 60] }, metric: defended/fgsm/jpeg/top1 }
`;

describe.skipIf(!program)('a sweep on a real MLflow server (skipped where there is none)', () => {
  const runs = temporaryFolder();
  const temporaryRuns = temporaryFolder();
  const spec = join(temporaryFolder(), 'nested.yaml');
  let server: MlflowServer;
  let reader: MlflowReader;
  beforeAll(async () => {
    writeFileSync(spec, SPEC);
    server = await MlflowServer.start(program!);
    reader = new MlflowReader(server.uri);
  });
  afterAll(() => server?.stop());

  const snapshots = async (experiment: string): Promise<Snapshot[]> =>
    Promise.all((await reader.runs(experiment)).map((id) => reader.snapshot(id)));

  const expectNested = (there: readonly Snapshot[]) => {
    expect(there).toHaveLength(3);
    const parent = there.find(({ tags }) => tags['shield.kind'] === 'sweep')!;
    const cells = there.filter(({ tags }) => tags['shield.kind'] === undefined);
    expect(parent.status).toBe('FINISHED');
    expect(parent.tags['mlflow.parentRunId']).toBeUndefined();
    expect(cells.map(({ tags }) => tags['mlflow.parentRunId'])).toEqual([parent.id, parent.id]);
    expect(cells.map(({ tags }) => tags['shield.cell']).sort()).toEqual(['1', '2']);
    expect(cells.map(({ params }) => params['defenses.jpeg.quality']).sort()).toEqual(['20', '60']);
    expect(cells.map(({ params }) => params['attack'])).toEqual(['fgsm', 'fgsm']);
    expect(parent.params).toMatchObject({
      'attacks.fgsm.eps': '16',
      'sweep.cells': '2',
      'sweep.metric': 'defended/fgsm/jpeg/top1',
    });
    expect(parent.params['best']).toMatch(/^attack=fgsm defenses\.jpeg\.quality=(20|60)$/);
    expect(Object.keys(parent.metrics)).toEqual(expect.arrayContaining(['cells', 'cells/completed', 'best', 'cell']));
    expect(Object.keys(parent.artifacts)).toEqual(expect.arrayContaining(['cells.csv', 'cells.parquet']));
  };

  test('is a parent with its cells nested in it, as it goes', async () => {
    const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'live' };
    const { code, stderr } = await shield(['sweep', spec], { runs, env });
    expect(code, stderr).toBe(0);
    // The live feed sends all of it, unless the machine is so busy that the end did not wait for it.
    expect((await shield(['sync'], { runs, env })).code).toBe(0);
    expectNested(await snapshots('live'));
  });

  const later = process.env['SHIELD_TEST_FULL'] ? test : test.skip;
  later('cells that are run again leave one finished run each: the former ones are ended as superseded', async () => {
    const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'again' };
    const again = temporaryRuns;
    expect((await shield(['sweep', spec], { runs: again, env })).code).toBe(0);
    const { code, stderr } = await shield(['sweep', spec, '--rerun'], { runs: again, env });
    expect(code, stderr).toBe(0);
    expect((await shield(['sync'], { runs: again, env })).code).toBe(0);
    const cells = (await snapshots('again')).filter(({ tags }) => tags['shield.kind'] === undefined);
    expect(cells.map(({ status }) => status).sort()).toEqual(['FINISHED', 'FINISHED', 'KILLED', 'KILLED']);
    const finished = cells.filter(({ status }) => status === 'FINISHED');
    expect(finished.map(({ tags }) => tags['shield.cell']).sort()).toEqual(['1', '2']);
    const superseded = cells.filter(({ status }) => status === 'KILLED');
    expect(superseded.map(({ tags }) => tags['shield.superseded_by']).sort()).toEqual(
      finished.map(({ tags }) => tags['shield.run_id']).sort(),
    );
    const listed = await shield(['runs', '--json', '-f', 'state=COMPLETED'], { runs: again });
    const ids = (JSON.parse(listed.stdout) as { cell?: number }[]).flatMap(({ cell }) => cell ?? []);
    expect(ids.sort()).toEqual([1, 2]);
  });

  later('is the same sent later, the cells first: the parent is made before it is their turn, and once', async () => {
    const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'later' };
    const records = runsIn(runs).map((path) => ({
      path,
      ...readJson<{ id: string; kind?: string }>(join(path, 'run.json')),
    }));
    for (const { path } of records) rmSync(join(path, 'mlflow.json'), { force: true });
    const cells = records.filter(({ kind }) => kind === undefined).map(({ id }) => id);
    for (const id of [...cells, records.find(({ kind }) => kind === 'sweep')!.id]) {
      const { code, stderr } = await shield(['sync', id], { runs, env });
      expect(code, stderr).toBe(0);
    }
    expectNested(await snapshots('later'));
    expect(readFileSync(join(records[0]!.path, 'mlflow.json'), 'utf8')).toContain(server.uri);
  });
});
