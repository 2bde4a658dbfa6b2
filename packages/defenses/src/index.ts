import type { DefensePlugin } from '@shield/core';
import jpeg from './jpeg.js';
import round8 from './round8.js';
import slq from './slq.js';

export { jpeg, round8, slq };
export const plugins: readonly DefensePlugin[] = [jpeg, round8, slq];
