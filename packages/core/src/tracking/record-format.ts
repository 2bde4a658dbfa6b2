import { readFile } from 'node:fs/promises';
import { ShieldError } from '../errors/index.js';
import type { Provenance } from './provenance.js';

/** Of run.json and provenance.json. */
export const RECORD_FORMAT = 1;

/**
 * Whoever reads a record of another format as if it were this one shows wrong numbers, and whoever goes on with it
 * spoils it. There has been no format before 1, so there is none to migrate.
 *
 * @param path of the file that says its format
 * @throws RUN_FORMAT for any other format, and for none
 */
export function checkFormat(path: string, found: unknown, reads = RECORD_FORMAT): void {
  if (found !== reads) throw otherFormat(path, found, reads);
}

export function otherFormat(path: string, found: unknown, reads = RECORD_FORMAT, cause?: unknown): ShieldError {
  const known = typeof found === 'number' || typeof found === 'string';
  const params = { path, found: known ? `format ${found}` : 'no format that can be told', reads };
  return new ShieldError('RUN_FORMAT', params, { where: { file: path }, cause });
}

/** @throws RUN_FORMAT where the run's provenance.json is of another format, damaged or not there */
export async function readProvenance(run: { readonly files: { readonly provenance: string } }): Promise<Provenance> {
  const path = run.files.provenance;
  let record: Partial<Provenance> | null;
  try {
    record = JSON.parse(await readFile(path, 'utf8')) as Partial<Provenance> | null;
  } catch (error) {
    throw otherFormat(path, undefined, RECORD_FORMAT, error);
  }
  checkFormat(path, record?.format);
  return record as Provenance;
}
