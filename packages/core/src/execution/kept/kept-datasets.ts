import { rememberImages } from '../../pipeline/remember-images.js';
import type { Dataset, LoadContext } from '../../plugin/contracts.js';
import type { DatasetPlugin } from '../../plugin/define.js';
import { canonicalJson } from '../../spec/canonical.js';
import type { PluginUse } from '../../spec/resolved-spec.js';
import { Openings, type InUse } from './openings.js';

/** Data sets that can tell whether their files changed, each with the images of it that were decoded. */
export class KeptDatasets {
  readonly #kept: Openings<Dataset>;

  /** @param keeps false: each data set is one run's */
  constructor(keeps = true) {
    this.#kept = new Openings({
      keeps,
      dispose: () => undefined,
      lasts: (dataset) => dataset.unchanged !== undefined,
      unchanged: async (dataset) => dataset.unchanged!(),
    });
  }

  /** See {@link Openings.open}. @throws what the plugin's `open` throws */
  async open(plugin: DatasetPlugin, use: PluginUse, seed: number, context: LoadContext): Promise<InUse<Dataset>> {
    const wanted = { name: canonicalJson({ use }), plugin, seed };
    return this.#kept.open(wanted, context, async (given) => rememberImages(await plugin.open(use, given)));
  }

  close(): void {
    this.#kept.close();
  }
}
