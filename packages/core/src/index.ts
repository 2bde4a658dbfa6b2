/** The public face of @shield/core: what plugins are written against, and the API that the command line uses. */
export * from './errors/index.js';
export * from './plugin/index.js';
export { Random } from './random/random.js';
export { cacheDir } from './assets/cache-dir.js';
export type { Backend, BackendName, CaptureOptions, CapturedFunction } from './backend/backend.js';
export { setupNative, type SetupOptions } from './backend/native/setup.js';
export type { NativeInstallation, NativeManifest } from './backend/native/installation.js';
export { openBackend, type OpenBackendOptions } from './backend/open-backend.js';
export * from './tracking/index.js';
