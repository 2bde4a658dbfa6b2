import type { JpegFrame } from './tables.js';

/** One component of a frame: its size in samples, and in blocks of 8×8. */
export interface Component {
  /** Blocks in each unit of a scan of several components. */
  readonly down: number;
  readonly across: number;
  readonly height: number;
  readonly width: number;
  /** Blocks with samples of the image. */
  readonly rows: number;
  readonly columns: number;
  /** Blocks with those that whole units have beyond the image. */
  readonly unitRows: number;
  readonly unitColumns: number;
}

/** The components of a frame (ITU-T T.81, A.1.1, A.2.4), and its size in units. */
export function componentsOf({ height, width, parts }: JpegFrame): {
  readonly components: readonly Component[];
  readonly unitRows: number;
  readonly unitColumns: number;
} {
  const down = Math.max(...parts.map((part) => part.down));
  const across = Math.max(...parts.map((part) => part.across));
  const unitRows = Math.ceil(height / (8 * down));
  const unitColumns = Math.ceil(width / (8 * across));
  const components = parts.map((part): Component => {
    const ownHeight = Math.ceil((height * part.down) / down);
    const ownWidth = Math.ceil((width * part.across) / across);
    return {
      down: part.down,
      across: part.across,
      height: ownHeight,
      width: ownWidth,
      rows: Math.ceil(ownHeight / 8),
      columns: Math.ceil(ownWidth / 8),
      unitRows: unitRows * part.down,
      unitColumns: unitColumns * part.across,
    };
  });
  return { components, unitRows, unitColumns };
}
