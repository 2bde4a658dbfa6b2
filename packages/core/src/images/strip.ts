import type { FloatImage, Image } from '../plugin/contracts.js';
import { loadSharp } from './decode.js';
import { toByteImage } from './quantize.js';
import { resize } from './resize.js';

export interface StripImage {
  /** Heads the column; that of the first row holds, others are written above their picture only where they differ. */
  readonly title: string;
  /** Below the picture: what the model says, say. */
  readonly caption: string;
  /** Whether the caption is a right answer (green, ✓) or a wrong one (red, ✗); plain where it is neither. */
  readonly right?: boolean;
  readonly image: Image;
}

export interface StripRow {
  readonly label: string;
  readonly images: readonly StripImage[];
}

/** Edge of a picture that is not smaller than this anyway; small ones are enlarged by a whole factor. */
const LEAST_EDGE = 192;
const GAP = 12;
const MARGIN = 20;
const TITLE_HEIGHT = 30;
const CAPTION_HEIGHT = 42;
const TITLE_SIZE = 15;
const CAPTION_SIZE = 13;
const LABEL_SIZE = 11;
const COLOURS = { ink: '#1a1a1a', quiet: '#5f6368', right: '#1b6e3c', wrong: '#b3261e', frame: '#d0d3d6' };

/**
 * The difference of two images of the same size, made visible: grey where they agree, lighter and darker where they
 * do not.
 *
 * @returns the picture in [0, 1] and the whole number that the difference was multiplied by: as large as leaves all
 *   but one sample in a thousand unclipped
 */
export function differenceImage(before: FloatImage, after: FloatImage): { image: FloatImage; factor: number } {
  const size = before.data.length;
  const distances = Float32Array.from({ length: size }, (_, i) => Math.abs(after.data[i]! - before.data[i]!)).sort();
  const large = distances[Math.min(size - 1, Math.floor(size * 0.999))]!;
  const factor = large > 0 ? Math.max(1, Math.min(1000, nice(0.5 / large))) : 1;
  const data = Float32Array.from({ length: size }, (_, i) =>
    Math.min(1, Math.max(0, 0.5 + factor * (after.data[i]! - before.data[i]!))),
  );
  return { image: { data, height: before.height, width: before.width }, factor };
}

/** The largest of 1, 2, 3, 5, 10, 20, 30, 50, … that is not above the value. */
function nice(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [5, 3, 2, 1].find((step) => step * power <= value)!;
}

/**
 * A table of pictures, one row an image: clean, attacked, difference, through each defense. Captions are text, dark on
 * white, cut where they are too long for their column.
 *
 * @returns a PNG file
 */
export async function pictureStrip(rows: readonly StripRow[]): Promise<Buffer> {
  const sharp = await loadSharp();
  const layout = layOut(rows);
  const pictures = await Promise.all(
    layout.cells.map(async ({ image, x, y }) => {
      const { data, height, width } = image;
      const input = await sharp(data, { raw: { width, height, channels: 3 } })
        .png({ compressionLevel: 1 })
        .toBuffer();
      return { input, left: x, top: y };
    }),
  );
  return sharp({ create: { width: layout.width, height: layout.height, channels: 3, background: '#ffffff' } })
    .composite([{ input: Buffer.from(layout.svg), left: 0, top: 0 }, ...pictures])
    .png()
    .toBuffer();
}

interface Cell {
  readonly image: { readonly data: Uint8Array; readonly height: number; readonly width: number };
  readonly x: number;
  readonly y: number;
}

interface Place {
  readonly x: number;
  readonly baseline: number;
  readonly width: number;
}

/** Where everything stands; `svg` holds all text and the frames. */
function layOut(rows: readonly StripRow[]): { width: number; height: number; cells: Cell[]; svg: string } {
  const shown = rows.map((row) => row.images.map((entry) => enlarged(entry.image)));
  const columns = Math.max(0, ...rows.map((row) => row.images.length));
  const widths = Array.from({ length: columns }, (_, c) =>
    Math.max(LEAST_EDGE, ...shown.map((row) => row[c]?.width ?? 0)),
  );
  const lefts = widths.map((_, c) => MARGIN + widths.slice(0, c).reduce((sum, width) => sum + width + GAP, 0));
  const width = Math.max(LEAST_EDGE, (lefts.at(-1) ?? 0) + (widths.at(-1) ?? 0)) + MARGIN;
  const cells: Cell[] = [];
  const parts: string[] = [];
  let top = MARGIN;
  rows.forEach((row, r) => {
    row.images.forEach((entry, c) => {
      if (r > 0 && entry.title === rows[0]!.images[c]?.title) return;
      parts.push(
        text(entry.title, { x: lefts[c]!, baseline: top + 18, width: widths[c]! }, TITLE_SIZE, COLOURS.ink, 600),
      );
    });
    const titled = r === 0 || row.images.some((entry, c) => entry.title !== rows[0]!.images[c]?.title);
    top += titled ? TITLE_HEIGHT : 0;
    row.images.forEach((entry, c) => {
      const image = shown[r]![c]!;
      const x = lefts[c]!;
      cells.push({ image, x, y: top });
      parts.push(
        `<rect x="${x - 0.5}" y="${top - 0.5}" width="${image.width + 1}" height="${image.height + 1}" fill="none" stroke="${COLOURS.frame}"/>`,
        caption(entry, x, top + image.height, widths[c]!),
      );
    });
    top += Math.max(0, ...shown[r]!.map((image) => image.height));
    const below = { x: MARGIN, baseline: top + 37, width: widths[0] ?? LEAST_EDGE };
    parts.push(text(row.label, below, LABEL_SIZE, COLOURS.quiet));
    top += CAPTION_HEIGHT + GAP;
  });
  const height = top + MARGIN - GAP;
  return {
    width,
    height,
    cells,
    svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${parts.join('')}</svg>`,
  };
}

function enlarged(image: Image): Cell['image'] {
  const bytes = toByteImage(image, 'round', 'the picture strip');
  const factor = Math.max(1, Math.ceil(LEAST_EDGE / Math.max(image.height, image.width)));
  return resize(bytes, { height: image.height * factor, width: image.width * factor, interpolation: 'nearest' });
}

function caption({ caption: words, right }: StripImage, x: number, bottom: number, width: number): string {
  const colour = right === undefined ? COLOURS.quiet : right ? COLOURS.right : COLOURS.wrong;
  const mark = right === undefined ? '' : right ? '✓ ' : '✗ ';
  return text(mark + words, { x, baseline: bottom + 19, width }, CAPTION_SIZE, colour);
}

/** Cuts at a width taken from the average of common sans-serif faces; the font that draws is the machine's. */
function fit(words: string, width: number, size: number): string {
  const most = Math.floor(width / (size * 0.56));
  const letters = [...words];
  return letters.length <= most
    ? words
    : `${letters
        .slice(0, Math.max(1, most - 1))
        .join('')
        .trimEnd()}…`;
}

/** One line with its left end at (x, baseline), clipped at the column's width should its letters be wide ones. */
function text(words: string, at: Place, size: number, fill: string, weight = 400): string {
  const escaped = fit(words, at.width, size).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const box = `x="${at.x}" y="${at.baseline - size}" width="${at.width}" height="${2 * size}" overflow="hidden"`;
  const font = `font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="${size}" font-weight="${weight}"`;
  return `<svg ${box}><text x="0" y="${size}" ${font} fill="${fill}">${escaped}</text></svg>`;
}
