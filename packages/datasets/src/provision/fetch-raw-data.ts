import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { httpDownload, ShieldError, type ProvisionContext, type ProvisionRequest } from '@shield/core';
import { DEVKIT } from './devkit.js';
import { ARCHIVES } from './find-raw-data.js';
import { LABELS_FILE } from './label-images.js';

/** MD5 sums as ImageNet publishes them beside the archives. */
const MD5: Readonly<Record<string, string>> = {
  [ARCHIVES.validation]: '29b22e2961454d5413ddabcf34fc5622',
  [ARCHIVES.train]: '1d675b47d978889d74fa0da5fadfb00e',
  [`${DEVKIT}.tar.gz`]: 'fa75699e90414af021442c21a62c3abf',
};

/**
 * Fetches the archives that are not there from the user's own address. What has come stays when it is cut off, and is
 * gone on with. Credentials stand in the address (https://NAME:PASSWORD@…) or, as a header, in `$SHIELD_DOWNLOAD_HEADER`
 * ("Authorization: Bearer …", "Cookie: …").
 *
 * @throws DOWNLOAD_FAILED, also where a file is not what was published (not with `subset`)
 */
export async function fetchRawData(request: ProvisionRequest, context: ProvisionContext): Promise<void> {
  const { rawData, split, download, subset } = request;
  const { base, headers } = addressOf(download!);
  const labelled = existsSync(join(rawData, LABELS_FILE));
  const wanted = [
    ...(split === 'train' || labelled ? [] : [`${DEVKIT}.tar.gz`]),
    ...(split === 'train' ? [] : [ARCHIVES.validation]),
    ...(split === 'validation' ? [] : [ARCHIVES.train]),
  ];
  for (const name of wanted) {
    const path = join(rawData, name);
    if (existsSync(path)) continue;
    const fetched = `${path}.fetched`;
    const url = `${base}${name}`;
    const say = (line: string) => context.reporter.log(line);
    say(`downloading ${url}`);
    const bar = context.reporter.stage({ stage: 'download', name, total: undefined, unit: 'MB' });
    const onProgress = (bytes: number, total?: number) =>
      bar.update(Math.floor(bytes / 1e6), total === undefined ? undefined : `of ${Math.ceil(total / 1e6)} MB`);
    const otherwise = `a copy at hand is taken from ${rawData}`;
    await httpDownload(url, fetched, { headers, onProgress, otherwise, log: say, signal: context.signal });
    bar.end();
    if (!subset) await expectMd5(fetched, name, MD5[name]!);
    await rename(fetched, path);
  }
}

function addressOf(download: string): { base: string; headers: Record<string, string> } {
  let url: URL;
  try {
    url = new URL(download);
    if (!/^https?:$/.test(url.protocol)) throw new Error(`${url.protocol} is not understood`);
  } catch {
    throw new ShieldError('CLI_USAGE', { reason: '--download wants the address of a folder: https://…' });
  }
  const headers: Record<string, string> = {};
  if (url.username) {
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(login).toString('base64')}`;
    [url.username, url.password] = ['', ''];
  }
  const [, name, value] = /^([\w-]+):\s*(.+)$/.exec(process.env['SHIELD_DOWNLOAD_HEADER']?.trim() ?? '') ?? [];
  if (name && value) headers[name.toLowerCase()] = value;
  return { base: url.href.replace(/\/?$/, '/'), headers };
}

async function expectMd5(path: string, name: string, expected: string): Promise<void> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const actual = hash.digest('hex');
  if (actual === expected) return;
  throw new ShieldError('DOWNLOAD_FAILED', {
    name,
    reason: `it has the MD5 sum ${actual}, not ${expected} as published`,
    expected: `it was left as ${path}; with --subset any sum is taken`,
  });
}
