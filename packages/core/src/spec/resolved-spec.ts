/** `{ use: NAME, …options }`: in a resolved spec every option of the plugin stands written out. */
export interface PluginUse {
  readonly use: string;
  readonly [option: string]: unknown;
}

export type Stage = 'attack' | 'defend' | 'evaluate' | 'train';
export type BackendChoice = 'auto' | 'node-gpu' | 'node' | 'webgpu' | 'wasm' | 'cpu';
export type Handover = 'round' | 'truncate';

/** How an image becomes the network's input; part of every dataset's options. */
export interface Preprocess {
  /** `stretch`: the whole image to the input size; `fit`: the shorter side, then a centre crop. */
  readonly resize: 'stretch' | 'fit';
  readonly interpolation: 'nearest' | 'bilinear' | 'bicubic' | 'lanczos';
  /** Central share of the image kept before resizing, in (0, 1]. */
  readonly crop: number;
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
  readonly defenses: Readonly<Record<string, PluginUse>>;
  readonly threat: Threat;
  readonly handover: Handover;
  readonly evaluate: {
    readonly top: readonly number[];
    /** Draws over which a random defense is scored. */
    readonly draws: number;
  };
  readonly perform: readonly Stage[];
  readonly train?: TrainSpec;
  readonly execution: {
    /** Threads of the backend; 0 takes every core. */
    readonly threads: number;
    /** Images in the picture strip; 0 for none. */
    readonly strip: number;
  };
  /** Where else the run is recorded; no part of the hash. */
  readonly tracking?: { readonly mlflow?: { readonly uri?: string; readonly experiment?: string } };
}

export interface TrainSpec {
  readonly optimizer: 'sgd' | 'adam';
  readonly learning_rate: number;
  readonly momentum: number;
  readonly schedule: 'constant' | 'cosine';
  readonly weight_decay: number;
  readonly label_smoothing: number;
  readonly epochs: number;
  /** Images held out of training, at the end of the dataset. */
  readonly validation: number;
}
