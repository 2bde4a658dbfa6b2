export { ERROR_CODES, type ErrorCode, type ErrorCodeName } from './codes.js';
export {
  ShieldError,
  ShieldErrors,
  formatLocation,
  gathered,
  throwAll,
  type ErrorParams,
  type ShieldErrorOptions,
  type SourceLocation,
} from './shield-error.js';
export { didYouMean, nearest } from './suggest.js';
export { outOfMemory, reasonOf, systemCode, writeError } from './system-errors.js';
