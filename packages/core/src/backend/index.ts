export type { Backend, BackendName, CaptureOptions, CapturedFunction } from './backend.js';
export type { NativeInstallation, NativeManifest } from './native/installation.js';
export { setupNative, type SetupOptions } from './native/setup.js';
export { openBackend, type OpenBackendOptions } from './open-backend.js';
export { batchNormTraining, type NormalizedBatch } from './batch-norm.js';
