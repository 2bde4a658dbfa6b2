import type { Static, TObject } from '@sinclair/typebox';
import type { DefinitionBase } from './definition.js';
import type { Image } from './image.js';
import type { LoadContext } from './load-context.js';
import type { ProvisionContext, ProvisionRequest, ProvisionedSplit } from './provision.js';

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
  /**
   * @param options with those that all data sets share. Of `preprocess` only `idct` is the plugin's part, where it reads JPEG
   *   files (`decodeImage` takes it); the rest is done to what `load()` gives.
   */
  open(options: Static<S>, context: LoadContext): Promise<Dataset>;
  /** Makes the files that `open` reads out of what was published: `shield data provision NAME`. */
  provision?(request: ProvisionRequest, context: ProvisionContext): Promise<readonly ProvisionedSplit[]>;
}
