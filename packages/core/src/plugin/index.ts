export type * from './contracts.js';
export {
  defineAttack,
  defineDataset,
  defineDefense,
  defineModel,
  type AttackPlugin,
  type DatasetPlugin,
  type DefensePlugin,
  type ModelPlugin,
  type OptionsOf,
  type Plugin,
} from './define.js';
export { PluginRegistry } from './registry.js';
export { selectItems } from './select-items.js';
