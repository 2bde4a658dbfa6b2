export { FileBytes, memoryBytes, type ByteSource } from './byte-source.js';
export { packedFiles, type PackedFile } from './packed-files.js';
export { tarFiles, type Part, type TarFile } from './tar-files.js';
