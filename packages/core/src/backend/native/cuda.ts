import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipDownload } from '../../assets/pip.js';
import { extractMembers, type ExtractedMember } from '../../assets/wheel.js';

/** Whether NVIDIA's driver names a GPU on this machine. */
export async function hasNvidiaGpu(): Promise<boolean> {
  return (await nvidiaGpu()) !== undefined;
}

let gpu: Promise<string | undefined> | undefined;

/** Name of the first GPU, as `nvidia-smi` gives it; a process asks once. */
export function nvidiaGpu(): Promise<string | undefined> {
  return (gpu ??= askDriver());
}

function askDriver(): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], { timeout: 20_000 }, (error, stdout) => {
      const name = stdout.split('\n', 1)[0]?.trim();
      resolve(error === null && name ? name : undefined);
    });
  });
}

/**
 * Fetches the CUDA libraries that the wheel asks for (its extra "and-cuda") and unpacks them under `folder/nvidia`,
 * as they would lie beside TensorFlow in Python.
 *
 * @throws DOWNLOAD_FAILED
 */
export async function downloadCuda(
  archive: string,
  folder: string,
  downloads: string,
  log: (message: string) => void,
): Promise<ExtractedMember[]> {
  const metadata = join(downloads, 'metadata');
  const [file] = await extractMembers(archive, metadata, (name) => name.endsWith('.dist-info/METADATA'));
  const requirements = cudaRequirements(file ? await readFile(file.path, 'utf8') : '');
  const members: ExtractedMember[] = [];
  for (const [i, requirement] of requirements.entries()) {
    const into = join(downloads, `cuda-${i}`);
    await mkdir(into);
    const wheel = await pipDownload(requirement, into, { log });
    members.push(...(await extractMembers(wheel, folder, (name) => /^nvidia\/[^/]+\/lib\/.*\.so/.test(name))));
  }
  return members;
}

/** "nvidia-cublas-cu12<13.0,>=12.5.3.2" and so on; not the compiler and the profiler, which nothing here calls. */
export function cudaRequirements(metadata: string): string[] {
  const lines = metadata.matchAll(/^Requires-Dist:\s*(nvidia-[^;]+?)\s*;\s*extra == ["']and-cuda["']\s*$/gm);
  return [...lines].map((line) => line[1]!).filter((requirement) => !/^nvidia-cuda-(nvcc|cupti)-/.test(requirement));
}
