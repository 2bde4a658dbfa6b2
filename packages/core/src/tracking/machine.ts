import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, hostname, release, totalmem, userInfo } from 'node:os';
import { promisify } from 'node:util';
import { reasonOf } from '../errors/index.js';

export interface Machine {
  readonly host: string;
  readonly user: string;
  readonly os: { readonly platform: string; readonly name: string; readonly release: string; readonly arch: string };
  readonly cpu: {
    readonly model: string;
    /** Logical ones, those this process may use, and physical ones where they can be told. */
    readonly logicalCores: number;
    readonly usableCores: number;
    readonly physicalCores?: number;
  };
  readonly memoryBytes: number;
  readonly gpus: readonly Gpu[];
  /** Set where there is a driver that did not answer. */
  readonly gpuProblem?: string;
}

export interface Gpu {
  readonly name: string;
  readonly memoryMiB: number;
  readonly driver: string;
}

const GPU_TIMEOUT_MS = 2000;

/** The machine as it bears on results and times. */
export async function collectMachine(): Promise<Machine> {
  const [system, gpus] = await Promise.all([systemFacts(), nvidiaGpus()]);
  return {
    host: hostname(),
    user: userName(),
    os: { platform: process.platform, name: system.os ?? process.platform, release: release(), arch: arch() },
    cpu: { ...cpuFacts(), ...(system.physicalCores ? { physicalCores: system.physicalCores } : {}) },
    memoryBytes: totalmem(),
    ...gpus,
  };
}

/** What is known of the processor without asking other programs. */
export function cpuFacts(): Machine['cpu'] {
  const all = cpus();
  const model = all[0]?.model.trim() ?? 'unknown';
  return { model, logicalCores: all.length, usableCores: availableParallelism() };
}

async function systemFacts(): Promise<{ os?: string; physicalCores?: number }> {
  try {
    // Loaded here, not above: commands that make no run start without it.
    const { default: information } = await import('systeminformation');
    const [os, cpu] = await Promise.all([linuxName() ?? information.osInfo().then(nameOf), information.cpu()]);
    return { os, physicalCores: cpu.physicalCores };
  } catch {
    return {};
  }
}

function nameOf({ distro, release: version }: { readonly distro: string; readonly release: string }): string {
  return `${distro} ${version}`.trim();
}

/** os-release(5); systeminformation reads it too, but starts several programs besides. */
function linuxName(): string | undefined {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

async function nvidiaGpus(): Promise<{ gpus: readonly Gpu[]; gpuProblem?: string }> {
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader,nounits'];
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: GPU_TIMEOUT_MS });
    return { gpus: stdout.trim().split('\n').filter(Boolean).map(parseGpu) };
  } catch (error) {
    // No such program: no such GPU.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { gpus: [] };
    return { gpus: [], gpuProblem: `nvidia-smi failed: ${reasonOf(error)}` };
  }
}

function parseGpu(line: string): Gpu {
  const [name = '', memory = '', driver = ''] = line.split(',').map((field) => field.trim());
  return { name, memoryMiB: Number(memory), driver };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as containers have it.
    return String(process.getuid?.() ?? 'unknown');
  }
}
