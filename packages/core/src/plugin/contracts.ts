/*
 * What a plugin is to core and core to a plugin. A plugin is a plain value made by defineAttack, defineDefense,
 * defineModel or defineDataset; it knows nothing of files that runs leave, trackers or the command line.
 * Everyone sees pixels in [0, 1]; units of other kinds (0-255 levels, JPEG quality) stand in an option's description.
 */

export type * from './contracts/definition.js';
export type * from './contracts/image.js';
export type * from './contracts/dataset.js';
export type * from './contracts/provision.js';
export type * from './contracts/model.js';
export type * from './contracts/attack.js';
export type * from './contracts/defense.js';
export type * from './contracts/tracker.js';
export type * from './contracts/assets.js';
export type * from './contracts/load-context.js';
