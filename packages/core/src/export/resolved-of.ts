import { readFile } from 'node:fs/promises';
import { reasonOf, ShieldError } from '../errors/index.js';
import type { Handover } from '../spec/resolved-spec.js';
import type { Run } from '../tracking/runs-folder.js';

/** What of a run's resolved spec says how its images become bytes. @throws EXPORT_IMPOSSIBLE */
export async function readResolved(run: Run): Promise<{ readonly handover: Handover }> {
  try {
    const { parse } = await import('yaml');
    const spec = parse(await readFile(run.files.resolved, 'utf8')) as { handover?: Handover };
    return { handover: spec.handover ?? 'round' };
  } catch (error) {
    const expected = `see ${run.files.resolved}`;
    const params = { what: run.id, reason: `its resolved spec cannot be read (${reasonOf(error)})`, expected };
    throw new ShieldError('EXPORT_IMPOSSIBLE', params, { cause: error });
  }
}
