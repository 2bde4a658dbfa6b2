/*
 * What machines without a common folder share the artifacts and runs of a sweep through. An executor brings the store
 * (`ExecutorDefinition.openStore`); what is put there in which order, and what is checked of what comes back, is core's
 * (pipeline/shared-artifacts, tracking/shared-runs).
 */

/** Files by their names, in which `/` parts folders. Nothing in it is ever overwritten. */
export interface SharedStore {
  /** For messages, without credentials: `s3://bucket/prefix`. */
  readonly name: string;
  /**
   * The files below a folder, by their names from there, with their bytes.
   *
   * @throws EXECUTOR_UNREACHABLE, EXECUTOR_REFUSED, EXECUTOR_UNUSABLE, as the others do
   */
  list(folder: string): Promise<ReadonlyMap<string, number>>;
  /** Writes the file to a path. */
  get(name: string, path: string): Promise<void>;
  /** Puts the file at a path there, unless one of that name is there: then that one stands. */
  put(name: string, path: string): Promise<void>;
  /**
   * Takes a name for this process, on all machines; it lapses when the process is gone.
   *
   * @returns undefined where another has it
   */
  lease(name: string): Promise<StoreLease | undefined>;
  /** Whether a process has the name. */
  leased(name: string): Promise<boolean>;
  close(): Promise<void>;
}

export interface StoreLease {
  release(): Promise<void>;
}
