export { createProgram, type ProgramOptions } from './program.js';
