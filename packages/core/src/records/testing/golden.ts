import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** TFRecord files that TensorFlow wrote in the original's form, and what is in them. */
export interface GoldenRecords {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly bytes?: number;
        readonly sha256?: string;
        readonly record_sha256?: readonly string[];
        readonly tf_reads?: number;
      }
    >
  >;
  readonly records: readonly {
    readonly filename: string;
    readonly height: number;
    readonly width: number;
    readonly label: number;
    readonly float32_first6: readonly number[];
    readonly float32_sha256: string;
    readonly uint8_sha256: string;
  }[];
}

/** Path of one of the files. */
export function golden(name: string): string {
  return fileURLToPath(new URL(`golden/${name}`, import.meta.url));
}

export const GOLDEN = JSON.parse(readFileSync(golden('fixtures.json'), 'utf8')) as GoldenRecords;

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
