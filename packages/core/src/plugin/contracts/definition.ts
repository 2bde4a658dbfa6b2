import type { TObject } from '@sinclair/typebox';

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
