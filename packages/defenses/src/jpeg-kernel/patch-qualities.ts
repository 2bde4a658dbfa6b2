import { channelsOf, checkQuality, type Samples } from './settings.js';

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

/** Of whole images, one for each quality, the pixels of the quality of each patch. Throws a RangeError where they disagree. */
export function pickPatches(trips: readonly Samples[], patches: PatchQualities): Samples {
  const { height, width, data: first } = trips[0]!;
  const channels = channelsOf(trips[0]!);
  const { columns } = checkPatchQualities(patches, height, width);
  const { patch, offset } = patches;
  const data = new Uint8Array(first.length);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y + ((patch - offset.y) % patch)) / patch) * columns;
    for (let x = 0; x < width; x++) {
      const choice = patches.choice[row + Math.floor((x + ((patch - offset.x) % patch)) / patch)]!;
      const from = trips[choice]!.data;
      const i = (y * width + x) * channels;
      for (let c = i; c < i + channels; c++) data[c] = from[c]!;
    }
  }
  return { data, height, width };
}
