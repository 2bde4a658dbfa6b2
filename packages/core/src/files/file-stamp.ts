import { statSync, type BigIntStats } from 'node:fs';

/**
 * Another text whenever a file was written, replaced or touched; `none` for what is not there, or not ours to see. The time
 * of the last change of any kind is in it, which cannot be set back, as that of the last write can.
 */
export function fileStamp(path: string): string {
  return stampOf(statOf(path));
}

export function stampOf(stats: BigIntStats | undefined): string {
  if (!stats) return 'none';
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

export function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}
