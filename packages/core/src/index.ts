/** The public face of @shield/core: what plugins are written against, and the API that the command line uses. */
export * from './errors/index.js';
export * from './plugin/index.js';
export { Random } from './random/random.js';
export { AssetCache, type AssetCacheOptions } from './assets/asset-cache.js';
export { cacheDir } from './assets/cache-dir.js';
export * from './backend/index.js';
export * from './tracking/index.js';
export * from './weights/index.js';
