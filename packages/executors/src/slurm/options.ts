export interface SlurmOptions {
  readonly partition: string;
  readonly account: string;
  /** Minutes. */
  readonly time: number;
  readonly cpus_per_task: number;
  readonly mem: string;
  readonly gres: string;
  readonly sbatch: readonly string[];
  readonly at_once: number;
  readonly queued: number;
  readonly setup: readonly string[];
  readonly command: string;
  /** Seconds. */
  readonly poll: number;
  /** Seconds. */
  readonly patience: number;
  /** Seconds. */
  readonly hang_after: number;
}
