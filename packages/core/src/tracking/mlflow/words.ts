export interface MetricPoint {
  readonly key: string;
  readonly value: number;
  /** Whole milliseconds since 1970. */
  readonly timestamp: number;
  /** Whole. */
  readonly step: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export type MlflowStatus = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface DatasetInput {
  readonly tags: readonly KeyValue[];
  readonly dataset: {
    readonly name: string;
    /** At most 36 characters. */
    readonly digest: string;
    readonly source_type: string;
    readonly source: string;
    readonly profile?: string;
  };
}

export interface MlflowRun {
  readonly info: {
    readonly run_id: string;
    readonly experiment_id: string;
    readonly artifact_uri: string;
    readonly status: MlflowStatus;
    readonly start_time: number;
    readonly end_time?: number;
    readonly lifecycle_stage: 'active' | 'deleted';
  };
  readonly data: {
    readonly metrics?: readonly (Omit<MetricPoint, 'value'> & { readonly value: number | string })[];
    readonly params?: readonly KeyValue[];
    readonly tags?: readonly KeyValue[];
  };
}
