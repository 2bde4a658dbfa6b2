import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError } from '../errors/index.js';

export interface PipOptions {
  /** Shown before the download starts. */
  readonly bytes?: number;
  /** More arguments for pip, such as the platform to fetch for. */
  readonly args?: readonly string[];
  readonly log: (message: string) => void;
  /** Ends pip when the run is being stopped. */
  readonly signal?: AbortSignal;
}

/**
 * Downloads one wheel through the user's own pip, whose settings decide where it comes from, and gives its path.
 * pip's progress bar shows on a terminal.
 *
 * @throws DOWNLOAD_FAILED without Python or pip, without a connection, where a download is cut off, or where there is
 *   no wheel for this machine
 */
export async function pipDownload(requirement: string, folder: string, options: PipOptions): Promise<string> {
  const size = options.bytes === undefined ? '' : ` (${Math.round(options.bytes / 1e6)} MB)`;
  options.log(`downloading ${requirement}${size} with pip`);
  const bar = process.stderr.isTTY ? ['--progress-bar', 'on'] : ['--progress-bar', 'off', '--quiet'];
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--disable-pip-version-check',
    ...bar,
    ...(options.args ?? []),
    '-d',
    folder,
    requirement,
  ];
  const { code, output } = await runPython(args, requirement, options.signal);
  if (code !== 0) throw pipFailure(requirement, output, folder);
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw pipFailure(requirement, 'pip left no wheel', folder);
  return join(folder, wheel);
}

/** The Python to use: `$SHIELD_PYTHON`, else python3. */
export function python(): string {
  return process.env['SHIELD_PYTHON'] || 'python3';
}

function runPython(
  args: readonly string[],
  requirement: string,
  signal?: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // pip draws its bar on standard output: it goes to our standard error, so that --json stays clean.
    const child = spawn(python(), args, { stdio: ['ignore', process.stderr.isTTY ? 2 : 'pipe', 'pipe'], signal });
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-8000)));
    child.stdout?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-8000)));
    child.on('error', (error) => {
      if (signal?.aborted) return reject(error);
      const expected = 'install Python 3 with pip, or name one in SHIELD_PYTHON';
      reject(
        new ShieldError(
          'DOWNLOAD_FAILED',
          { name: requirement, reason: `${python()} cannot be started`, expected },
          { cause: error },
        ),
      );
    });
    child.on('close', (code) => resolve({ code, output }));
  });
}

function pipFailure(requirement: string, output: string, folder: string): ShieldError {
  const lines = output.split('\n').map((line) => line.trim());
  const last =
    [...lines].reverse().find((line) => line.startsWith('ERROR')) ??
    lines.findLast((line) => line !== '') ??
    'pip failed';
  if (/Errno 28\b|No space left on device/.test(output)) {
    return new ShieldError('CACHE_NOT_WRITABLE', { path: folder, reason: 'no space is left on the device' });
  }
  const noPip = /No module named pip/.test(output);
  return new ShieldError('DOWNLOAD_FAILED', {
    name: requirement,
    reason: noPip ? 'this Python has no pip' : last.replace(/^ERROR:\s*/, ''),
    expected: noPip
      ? 'install pip for that Python, or name another in SHIELD_PYTHON'
      : `check your connection and pip's settings; to see more: ${python()} -m pip download --no-deps ${requirement}`,
  });
}
