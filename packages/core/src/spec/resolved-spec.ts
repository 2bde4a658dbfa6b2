import type { InverseDct } from '../jpeg/index.js';

/** `{ use: NAME, …options }`: in a resolved spec every option of the plugin stands written out. */
export interface PluginUse {
  readonly use: string;
  readonly [option: string]: unknown;
}

/** A defense: one plugin, a chain of them, or an ensemble. */
export type DefenseUse = PluginUse | readonly PluginUse[] | EnsembleUse;

export type Vote = 'majority' | 'mean' | 'random';

export interface EnsembleUse {
  readonly use: 'ensemble';
  readonly vote: Vote;
  readonly members: readonly {
    readonly name: string;
    readonly defense?: PluginUse | readonly PluginUse[];
    readonly model: PluginUse;
  }[];
}

export type Stage = 'attack' | 'defend' | 'evaluate' | 'train';
export type BackendChoice = 'auto' | 'node-gpu' | 'node' | 'webgpu' | 'wasm' | 'cpu';
export type Handover = 'round' | 'truncate';

/** How an image becomes the network's input; part of every dataset's options. */
export interface Preprocess {
  /** `stretch`: the whole image to the input size; `fit`: the shorter side, then a centre crop. */
  readonly resize: 'stretch' | 'fit';
  readonly interpolation: 'nearest' | 'bilinear' | 'bilinear_tf1' | 'bicubic' | 'lanczos';
  /** Central share of the image kept before resizing, in (0, 1]. */
  readonly crop: number;
  /** Of JPEG files: libjpeg's accurate inverse DCT, or its fast one as TensorFlow has it. */
  readonly idct: InverseDct;
}

export type Threat =
  | 'gray-box'
  | { readonly 'black-box': { readonly model: PluginUse } }
  | { readonly adaptive: { readonly eot: number; readonly gradient: 'own' | 'straight-through' } };

/** A spec with every default, override, group and interpolation written out. Its hash identifies the experiment. */
export interface ResolvedSpec {
  readonly name: string;
  readonly description?: string;
  readonly seed: number;
  readonly plugins: readonly string[];
  readonly backend: BackendChoice;
  /** Images a batch: part of what determines a result to the last bit. */
  readonly batch: number;
  readonly dataset: PluginUse;
  readonly model: PluginUse;
  readonly attacks: Readonly<Record<string, PluginUse>>;
  readonly defenses: Readonly<Record<string, DefenseUse>>;
  readonly threat: Threat;
  readonly handover: Handover;
  readonly evaluate: {
    readonly top: readonly number[];
    /** Draws over which a random defense is scored. */
    readonly draws: number;
  };
  readonly perform: readonly Stage[];
  readonly train?: TrainSpec;
  readonly execution: PluginUse & {
    /** Seconds; 0 for none. */
    readonly time_limit: number;
    /** Threads of the backend; 0 takes every core. */
    readonly threads: number;
    /** Parts that the batches are split into, where an executor has workers; no part of the hash. */
    readonly shards: number | 'auto';
    /** Images in the picture strip; 0 for none. */
    readonly strip: number;
  };
  /** Where else the run is recorded; no part of the hash. */
  readonly tracking?: {
    readonly mlflow?: { readonly uri?: string; readonly experiment?: string };
    readonly trackers?: Readonly<Record<string, PluginUse>>;
  };
}

export interface TrainSpec {
  readonly optimizer: 'sgd' | 'adam';
  readonly learning_rate: number;
  readonly momentum: number;
  readonly schedule: 'constant' | 'step' | 'cosine';
  readonly step_epochs: number;
  readonly step_factor: number;
  /** Epochs over which the learning rate rises. */
  readonly warmup: number;
  readonly weight_decay: number;
  readonly label_smoothing: number;
  readonly epochs: number;
  readonly layers: 'all' | 'head';
  readonly statistics: 'batch' | 'frozen';
  readonly statistics_momentum: number;
  readonly flip: boolean;
  /** Smallest share of an image's area that a random crop keeps; 1 for none. */
  readonly crop: number;
  /** Images held out of training, at the end of the dataset. */
  readonly validation: number;
  /** Epochs without a better validation accuracy that end the training; 0 for never. */
  readonly patience: number;
}
