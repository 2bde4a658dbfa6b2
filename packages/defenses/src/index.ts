import type { DefensePlugin } from '@shield/core';
import jpeg from './jpeg.js';
import medianFilter from './median-filter.js';
import round8 from './round8.js';
import slq from './slq.js';
import tvBregman from './tv-bregman.js';

export { jpeg, medianFilter, round8, slq, tvBregman };
export const plugins: readonly DefensePlugin[] = [jpeg, medianFilter, round8, slq, tvBregman];
