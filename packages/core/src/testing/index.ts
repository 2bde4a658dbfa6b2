export { projectRoot, sharedPath } from './shared-data.js';
