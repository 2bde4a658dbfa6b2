export type * from './contracts.js';
export type * from './executor-contract.js';
export type * from './shared-store.js';
export {
  defineAttack,
  defineDataset,
  defineDefense,
  defineExecutor,
  defineModel,
  defineTracker,
  PLUGIN_KINDS,
  type AttackPlugin,
  type DatasetPlugin,
  type DefensePlugin,
  type ExecutorPlugin,
  type ModelPlugin,
  type OptionsOf,
  type Plugin,
  type TrackerPlugin,
} from './define.js';
export { drawnGradient } from './drawn-gradient.js';
export { refuseFault } from './option-fault.js';
export { PluginRegistry } from './registry.js';
export { chooseItems, type ChooseOptions } from './choose-items.js';
export { selectItems } from './select-items.js';
