import type { Static, TObject } from '@sinclair/typebox';
import type { Tracker } from '../../tracking/events.js';
import type { Run } from '../../tracking/runs-folder.js';
import type { DefinitionBase } from './definition.js';

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
