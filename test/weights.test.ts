import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { expectError, root, temporaryFolder } from './shield.js';

const runs = temporaryFolder();
const checkpoint = (name: string) => join(root, 'packages/core/src/weights/tensorflow/testing/golden', name);

describe('shield weights inspect', () => {
  test.each(['v1_small.ckpt', 'v2_sharded'])('lists the variables of %s', async (name) => {
    const { code, stdout } = await shield(['weights', 'inspect', checkpoint(name)], { runs });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^net\/parts +float32 +\[10, 7\]$/m);
    expect(stdout).toMatch(/^tensorflow: 12 variables, 4,[\d,]+ values, in /m);
    const { stdout: json } = await shield(['weights', 'inspect', checkpoint(name), '--json'], { runs });
    const { form, variables } = JSON.parse(json) as { form: string; variables: object[] };
    expect(form).toBe('tensorflow');
    expect(variables).toContainEqual({ name: 'misc/longs', shape: [2, 2], dtype: 'int64' });
  });

  test('says what is wrong with a file', async () => {
    const outcome = await shield(['weights', 'inspect', join(root, 'README.md')], { runs });
    expectError(outcome, 1, 'WEIGHTS_INVALID');
  });
});

describe('shield weights download', () => {
  const folder = temporaryFolder();
  const cache = join(folder, 'cache');
  const run = (...args: string[]) => shield(['weights', 'download', ...args], { runs, env: { SHIELD_CACHE: cache } });
  const ckpt = checkpoint('v1_small.ckpt');

  test('without a name lists what there is', async () => {
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^resnet_v2_50 +resnet_v2_50_2017_04_14\.tar\.gz$/m);
    expect(stdout).toMatch(/^inception_v4 +inception_v4/m);
    expect(stdout).toMatch(/^efficientnet_lite0 +efficientnet-lite0/m);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('--from a copy at hand: the checkpoint itself, or the archive it is published in', async () => {
    const { code, stdout } = await run('resnet_v2_50', '--from', ckpt);
    expect(code).toBe(0);
    expect(stdout.trim().startsWith(cache)).toBe(true);
    expect(readFileSync(stdout.trim())).toEqual(readFileSync(ckpt));
    mkdirSync(join(folder, 'in'));
    copyFileSync(ckpt, join(folder, 'in', 'inception_v4.ckpt'));
    execFileSync('tar', ['-czf', join(folder, 'i.tar.gz'), '-C', join(folder, 'in'), '.']);
    const packed = await run('inception_v4', '--from', join(folder, 'i.tar.gz'), '--json');
    const { name, path } = JSON.parse(packed.stdout) as { name: string; path: string };
    expect(name).toBe('inception_v4');
    expect(readFileSync(path)).toEqual(readFileSync(ckpt));
  });

  test('--to the folder of the original, where specs look first', async () => {
    const place = temporaryFolder();
    const { code, stdout } = await run('resnet_v2_50', '--from', ckpt, '--to', join(place, 'data/checkpoints'));
    expect(code).toBe(0);
    expect(stdout.trim()).toBe(join(place, 'data/checkpoints/resnet_v2_50.ckpt'));
    expect(readFileSync(stdout.trim())).toEqual(readFileSync(ckpt));
    // It is no ResNet, and so the error says which file was taken.
    const spec = join(place, 'spec.yaml');
    writeFileSync(
      spec,
      'name: x\nmodel: { use: resnet_v2_50, weights: pretrained }\ndataset: { use: drawn, limit: 1 }\nattack: { use: fgsm }\n',
    );
    const outcome = await shield(['run', spec, '--backend', 'cpu'], { runs });
    expectError(outcome, 1, 'WEIGHTS_INVALID');
    expect(outcome.stderr).toContain(stdout.trim());
    expectError(await run('--to', place), 2, 'CLI_USAGE');
    writeFileSync(join(place, 'file'), '');
    expectError(await run('resnet_v2_50', '--to', join(place, 'file', 'x')), 1, 'WRITE_FAILED');
  });

  test('--from another file than the published one: its checksum gives it away', async () => {
    expectError(await run('efficientnet_lite0', '--from', ckpt), 1, 'CHECKSUM_MISMATCH');
  });

  test('over http: cut off, it goes on where it stopped; 404 is said; what is there is not fetched again', async () => {
    const whole = readFileSync(join(folder, 'i.tar.gz'));
    const asked: (string | undefined)[] = [];
    let there = true;
    const server = createServer((request, response) => {
      asked.push(request.headers.range);
      if (!there) return void response.writeHead(404).end();
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const headers = { etag: '"1"', 'accept-ranges': 'bytes', 'content-length': whole.length - start };
      if (start > 0) {
        response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` });
        return void response.end(whole.subarray(start));
      }
      response.writeHead(200, headers);
      response.write(whole.subarray(0, whole.length / 2), () => setTimeout(() => response.destroy(), 50));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const env = { SHIELD_CACHE: join(folder, 'http-cache'), SHIELD_WEIGHTS_URL: url };
      const fetched = await shield(['weights', 'download', 'inception_v4'], { runs, env });
      expect(fetched.code, fetched.stderr).toBe(0);
      expect(readFileSync(fetched.stdout.trim())).toEqual(readFileSync(ckpt));
      expect(asked[0]).toBeUndefined();
      // Under load a connection may be cut before anything of it is kept: the next one then begins anew.
      expect(asked.slice(1).some((range) => /^bytes=[1-9]/.test(range ?? ''))).toBe(true);
      const count = asked.length;
      expect((await shield(['weights', 'download', 'inception_v4'], { runs, env })).code).toBe(0);
      expect(asked.length).toBe(count);
      there = false;
      expectError(await shield(['weights', 'download', 'resnet_v2_50'], { runs, env }), 1, 'DOWNLOAD_FAILED');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('says which networks there are', async () => {
    const outcome = await run('resnet_v2_5');
    expectError(outcome, 2, 'WEIGHTS_NOT_PUBLISHED');
    expect(outcome.stderr).toContain('resnet_v2_50');
    expectError(await run('resnet_v2_50', '--from', join(folder, 'none.ckpt')), 1, 'DOWNLOAD_FAILED');
  });
});
