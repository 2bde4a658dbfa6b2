import type { Reporter } from '../../pipeline/reporter.js';

export type Split = 'validation' | 'train';

/** What `shield data provision` asks for. Paths are absolute. */
export interface ProvisionRequest {
  /** Folder of the published archives, or of what was unpacked from them. */
  readonly rawData: string;
  /** Folder that gets a folder for each split. */
  readonly output: string;
  /** Default: every split that there is raw data of. */
  readonly split?: Split;
  /** TFRecord files to spread a split over; default: as published scripts do. */
  readonly shards: Readonly<Partial<Record<Split, number>>>;
  /** The archives are there: neither fetch them nor look for what was unpacked from them. */
  readonly provisionOnly: boolean;
  /** Address of the folder on a server that holds the archives. */
  readonly download?: string;
  /** Take fewer images than were published. */
  readonly subset: boolean;
  /** Decode every image, and not only walk through its file. */
  readonly check: boolean;
  /** Bounding boxes: files, archives or folders. */
  readonly boundingBoxes: readonly string[];
  /** Processes that work at a time. */
  readonly workers: number;
}

export interface ProvisionContext {
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** One split, whole. */
export interface ProvisionedSplit {
  readonly split: Split;
  readonly folder: string;
  readonly images: number;
  readonly shards: number;
  /** Shards that were there already. */
  readonly kept: number;
  readonly bytes: number;
  readonly seconds: number;
}
