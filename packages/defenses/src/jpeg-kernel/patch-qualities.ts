import { checkQuality } from './settings.js';

/** Which quality each patch of an image is quantised at. */
export interface PatchQualities {
  /** The qualities to choose from, 1…100; at most 255 of them. */
  readonly qualities: readonly number[];
  /** Side of a patch, in pixels. */
  readonly patch: number;
  /** Where the grid of patches has a corner, in pixels from the top left: 0 … patch - 1 each. */
  readonly offset: { readonly y: number; readonly x: number };
  /** For each patch, row by row, the index of its quality: `rows * columns` of {@link patchGrid}. */
  readonly choice: Uint8Array;
}

/** How many patches lie on an image; those at the edges may be cut. Throws a RangeError for a bad patch or offset. */
export function patchGrid(
  height: number,
  width: number,
  patch: number,
  offset: PatchQualities['offset'],
): { readonly rows: number; readonly columns: number } {
  const whole = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  if (!whole(patch, 1, 65535)) throw new RangeError(`a patch of ${patch} pixels`);
  if (!whole(offset.y, 0, patch - 1) || !whole(offset.x, 0, patch - 1)) {
    throw new RangeError(`the patch offset ${offset.y}, ${offset.x} is not in 0…${patch - 1}`);
  }
  const count = (length: number, start: number) => Math.ceil((length + ((patch - start) % patch)) / patch);
  return { rows: count(height, offset.y), columns: count(width, offset.x) };
}

/** {@link patchGrid} of patch qualities that fit the image; throws a RangeError otherwise. */
export function checkPatchQualities(
  { qualities, patch, offset, choice }: PatchQualities,
  height: number,
  width: number,
): { readonly rows: number; readonly columns: number } {
  const grid = patchGrid(height, width, patch, offset);
  if (qualities.length === 0 || qualities.length > 255) throw new RangeError(`${qualities.length} qualities`);
  qualities.forEach(checkQuality);
  if (choice.length !== grid.rows * grid.columns) {
    throw new RangeError(`${choice.length} choices for ${grid.rows}×${grid.columns} patches`);
  }
  if (choice.some((index) => index >= qualities.length)) throw new RangeError('a choice that names no quality');
  return grid;
}
