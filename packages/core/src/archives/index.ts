export { FileBytes, memoryBytes, type ByteSource } from './byte-source.js';
export { tarFiles, type Part, type TarFile } from './tar-files.js';
