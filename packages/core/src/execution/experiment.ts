import { join } from 'node:path';
import { inject, injectable } from 'tsyringe';
import { writeAtomically } from '../files/write-atomically.js';
import { runPipeline } from '../pipeline/pipeline.js';
import { imageTroubles } from '../pipeline/image-troubles.js';
import { raisedFlags } from '../pipeline/raised-flags.js';
import type { PipelineContext } from '../pipeline/context.js';
import type { Reporter } from '../pipeline/reporter.js';
import { WHOLE } from '../pipeline/shard.js';
import type { Summary } from '../pipeline/summary/summary.js';
import { weakAdaptiveAttacks } from '../pipeline/threat/adaptive-summary.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import { PerImageWriter, recordBackend, type RunContext } from '../tracking/index.js';
import { warnOfLowAccuracy } from './accuracy-check.js';
import { checkDefenses } from './check-defenses.js';
import { chainsOf } from './ensembles.js';
import { Opener, type Opened, type Opening } from './opener.js';
import { writePictureStrip } from './picture-strip.js';
import { planAttacks } from '../pipeline/threat/attacker.js';
import { MaskingSigns } from '../report/masking-signs.js';
import { PerClassCounter } from '../report/per-class.js';
import { RESULTS, runTable } from '../report/run-table.js';
import { RobustnessCounter, robustnessLines } from '../report/robustness.js';
import { doubtfulBounds } from './doubtful-bounds.js';
import { writeRobustness } from './robustness-files.js';
import { TOKENS } from './tokens.js';
import { performTraining } from './training.js';

export interface Performance {
  readonly context: RunContext;
  readonly loaded: LoadedSpec;
  /** Folder that paths in the spec are relative to. */
  readonly specFolder: string;
  /** Folder of the artifacts that runs share. */
  readonly artifacts: string;
  /** Of the backend, where the spec leaves them open. */
  readonly threads?: number;
}

export interface Performed {
  readonly summary: Summary | undefined;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Works through one resolved spec inside a run that is already on record. */
@injectable()
export class Experiment {
  constructor(
    @inject(TOKENS.registry) private readonly registry: PluginRegistry,
    @inject(TOKENS.reporter) private readonly reporter: Reporter,
    @inject(Opener) private readonly opener: Opener,
  ) {}

  async perform({ context, ...given }: Performance): Promise<Performed> {
    const opening: Opening = {
      ...given,
      shard: WHOLE,
      signal: context.signal,
      emit: (event) => context.emit(event),
      backendOpened: async (backend) => {
        const value = `${backend.name}: ${backend.description}, ${backend.threads} threads`;
        await Promise.all([
          recordBackend(context.run, backend),
          context.emit({ type: 'param', key: 'backend_opened', value }),
        ]);
      },
    };
    return this.opener.using(opening, (opened) => this.#perform(context, opening, opened));
  }

  async #perform(context: RunContext, opening: Opening, opened: Opened): Promise<Performed> {
    const { loaded } = opening;
    const { dataset, backend, loading } = opened;
    const { model } = opened.network;
    const spec = loaded.resolved;
    checkDefenses(loaded, this.registry, model);
    if (spec.perform.includes('train')) {
      const { reporter } = this;
      const defenses = chainsOf(spec, this.registry);
      const metrics = await performTraining({ context, spec, model, dataset, defenses, backend, reporter });
      return { summary: undefined, metrics };
    }
    for (const line of doubtfulBounds(spec, this.registry)) loading.warn(line);
    const summary = await this.opener.pipelined(opening, opened, async (pipeline) => {
      const found = await this.#evaluate(context, pipeline, loading.warn);
      warnOfLowAccuracy(found, this.registry.get('model', spec.model.use), this.reporter);
      return found;
    });
    return { summary, metrics: {} };
  }

  async #evaluate(context: RunContext, pipeline: PipelineContext, warn: (message: string) => void): Promise<Summary> {
    const images = await PerImageWriter.create(context.run);
    try {
      const planned = planAttacks(pipeline);
      const lines = robustnessLines(planned);
      // Images made on another model say nothing of this one's gradients.
      const [classes, curves, masking] = [
        new PerClassCounter(),
        new RobustnessCounter(lines),
        new MaskingSigns(pipeline.source ? [] : planned),
      ];
      const { summary, collected } = await runPipeline(pipeline, (row) => {
        classes.add(row);
        curves.add(row);
        masking.add(row);
        return images.write(row);
      });
      await images.finish();
      for (const line of imageTroubles(summary)) warn(line);
      for (const line of weakAdaptiveAttacks(summary)) warn(line);
      for (const line of raisedFlags(summary, pipeline.attacks)) warn(line);
      for (const line of masking.warnings) warn(line);
      const perClass = classes.csv(pipeline.dataset.classNames);
      if (perClass !== undefined) await writeAtomically(join(context.run.path, 'per-class.csv'), perClass);
      await writeRobustness(context, curves.points, { lines, images: summary.images });
      await writeAtomically(join(context.run.path, RESULTS), runTable(summary, pipeline.spec));
      if (pipeline.spec.execution.strip > 0) await writePictureStrip(pipeline, collected, context.run);
      return summary;
    } catch (error) {
      await images.discard();
      throw error;
    }
  }
}
