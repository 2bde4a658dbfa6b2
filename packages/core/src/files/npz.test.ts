import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPromise } from 'yauzl';
import { afterAll, describe, expect, it } from 'vitest';
import { npy, writeNpz } from './npz.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-npz-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ARRAYS = {
  ids: { dtype: 'text', values: ['a.JPEG', 'bébé-例.png', ''] },
  y_pred: { dtype: 'float64', shape: [3], values: [1, 1000, 0] },
  top_k_preds: { dtype: 'float64', shape: [3, 2], values: [1, 2, 3, 4, 5, 6] },
  original_L2: { dtype: 'float32', shape: [2], values: [0.5, 1e-3] },
} as const;

describe('npz', () => {
  it('is a zip that others read, of arrays that begin at multiples of 64 bytes', async () => {
    const path = join(folder, 'a.npz');
    await writeNpz(path, ARRAYS);
    const zip = await openPromise(path, { lazyEntries: true, strictFileNames: true });
    const names: string[] = [];
    for await (const entry of zip.eachEntry()) names.push(`${entry.fileName} ${entry.uncompressedSize}`);
    expect(names).toEqual(Object.entries(ARRAYS).map(([name, array]) => `${name}.npy ${npy(array).length}`));
    const bytes = npy(ARRAYS.y_pred);
    expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
    expect((10 + bytes.readUInt16LE(8)) % 64).toBe(0);
    expect(bytes.readDoubleLE(bytes.length - 16)).toBe(1000);
  });

  const python = [process.env['SHIELD_BENCH_PYTHON'], 'python3'].find(
    (each) => each !== undefined && spawnSync(each, ['-c', 'import numpy']).status === 0,
  );
  it.skipIf(!python)('is read by NumPy (where a Python with it is found)', async () => {
    const path = join(folder, 'b.npz');
    await writeNpz(path, ARRAYS);
    const code =
      'import json,sys,numpy; z=numpy.load(sys.argv[1]); print(json.dumps({k: [str(z[k].dtype), z[k].tolist()] for k in z}))';
    const { stdout, stderr } = spawnSync(python!, ['-c', code, path], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      ids: ['<U10', [...ARRAYS.ids.values]],
      y_pred: ['float64', [1, 1000, 0]],
      top_k_preds: ['float64', [[1, 2], [3, 4], [5, 6]]], // prettier-ignore
      original_L2: ['float32', [0.5, Math.fround(1e-3)]],
    });
  });
});
