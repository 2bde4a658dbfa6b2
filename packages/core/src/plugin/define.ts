import type { Static, TObject } from '@sinclair/typebox';
import { callerFile } from './caller-file.js';
import type {
  AttackDefinition,
  DatasetDefinition,
  DefenseDefinition,
  ModelDefinition,
  PluginKind,
  TrackerDefinition,
} from './contracts.js';
import type { ExecutorDefinition } from './executor-contract.js';

/** A definition with its kind and the file that made it (hashed into the keys of what the plugin computes). */
export type Defined<K extends PluginKind, D> = D & { readonly kind: K; readonly sourceFile: string | undefined };

export type AttackPlugin = Defined<'attack', AttackDefinition>;
export type DefensePlugin = Defined<'defense', DefenseDefinition>;
export type ModelPlugin = Defined<'model', ModelDefinition>;
export type DatasetPlugin = Defined<'dataset', DatasetDefinition>;
export type TrackerPlugin = Defined<'tracker', TrackerDefinition>;
export type ExecutorPlugin = Defined<'executor', ExecutorDefinition>;
export type Plugin = AttackPlugin | DefensePlugin | ModelPlugin | DatasetPlugin | TrackerPlugin | ExecutorPlugin;

/** In the order in which people are told of them. */
export const PLUGIN_KINDS: readonly PluginKind[] = ['attack', 'defense', 'model', 'dataset', 'tracker', 'executor'];

/** An attack: see {@link AttackDefinition}. Export the result by default from a file of its own. */
export function defineAttack<S extends TObject>(definition: AttackDefinition<S>): AttackPlugin {
  return seal('attack', definition);
}

/** A defense: see {@link DefenseDefinition}. */
export function defineDefense<S extends TObject>(definition: DefenseDefinition<S>): DefensePlugin {
  return seal('defense', definition);
}

/** A model: see {@link ModelDefinition}. */
export function defineModel<S extends TObject>(definition: ModelDefinition<S>): ModelPlugin {
  return seal('model', definition);
}

/** A source of images: see {@link DatasetDefinition}. */
export function defineDataset<S extends TObject>(definition: DatasetDefinition<S>): DatasetPlugin {
  return seal('dataset', definition);
}

/** An observer of runs: see {@link TrackerDefinition}. */
export function defineTracker<S extends TObject>(definition: TrackerDefinition<S>): TrackerPlugin {
  return seal('tracker', definition);
}

/** Where the cells of a sweep are carried out: see {@link ExecutorDefinition}. */
export function defineExecutor<S extends TObject>(definition: ExecutorDefinition<S>): ExecutorPlugin {
  return seal('executor', definition);
}

/** The options of a plugin as its code sees them: every default filled in. */
export type OptionsOf<D extends { readonly options: TObject }> = Static<D['options']>;

function seal<K extends PluginKind, D extends object>(kind: K, definition: D): Defined<K, D> {
  return Object.freeze({ ...definition, kind, sourceFile: callerFile(import.meta.url) });
}
