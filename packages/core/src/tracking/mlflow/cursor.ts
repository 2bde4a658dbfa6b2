import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportedState } from '../events.js';
import type { JournalCursor } from '../journal-reader.js';
import type { Run } from '../runs-folder.js';
import { writeAtomically } from '../../files/write-atomically.js';

/** How far a run has been sent to one server. */
export interface SyncState {
  readonly experimentId: string;
  readonly runId: string;
  readonly artifactUri: string;
  /** Journal entries before it are on the server. */
  readonly cursor: JournalCursor;
  /** Set while entries up to it are on their way: after a crash nobody knows whether they arrived. */
  readonly sending?: JournalCursor;
  /** Whether the spec's params and the tags of its origin are on the server. */
  readonly described: boolean;
  /** Whether its dataset is: it is known when the first artifact is. */
  readonly dataset: boolean;
  /** Files that are there, by their path below the run's artifacts: size and time of change. */
  readonly files: Readonly<Record<string, string>>;
  /** The last state that the server was told, and with the time since which it holds. */
  readonly state?: ReportedState;
  readonly told?: string;
}

interface SyncFile {
  readonly format: 1;
  readonly servers: Readonly<Record<string, SyncState>>;
}

const FILE = 'mlflow.json';

/** The file beside the journal that says what was sent where. Losing it costs time, never a doubled number. */
export class SyncRecord {
  constructor(
    private readonly run: Run,
    private readonly server: string,
  ) {}

  async read(): Promise<SyncState | undefined> {
    return (await readSyncFile(this.run)).servers[this.server];
  }

  /** Where the run's directory cannot be written, sending goes on without it. */
  async write(state: SyncState): Promise<void> {
    const { servers } = await readSyncFile(this.run);
    const file: SyncFile = { format: 1, servers: { ...servers, [this.server]: state } };
    await writeAtomically(join(this.run.path, FILE), `${JSON.stringify(file, null, 2)}\n`).catch(() => undefined);
  }
}

/** Where a run was sent to: addresses of servers and the run's ids there. */
export async function sentTo(run: Run): Promise<Readonly<Record<string, SyncState>>> {
  return (await readSyncFile(run)).servers;
}

async function readSyncFile(run: Run): Promise<SyncFile> {
  try {
    const file = JSON.parse(await readFile(join(run.path, FILE), 'utf8')) as SyncFile;
    if (file.format === 1) return file;
  } catch {
    // Missing or damaged: it is found out again from the server.
  }
  return { format: 1, servers: {} };
}
