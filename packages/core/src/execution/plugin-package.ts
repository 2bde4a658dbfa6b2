import type { Plugin } from '../plugin/define.js';

/** The plugins of one package, under the name that error messages give it. */
export interface PluginPackage {
  readonly name: string;
  readonly plugins: readonly Plugin[];
}
