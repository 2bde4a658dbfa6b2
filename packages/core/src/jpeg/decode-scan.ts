import { SequentialDecoder, type BlockDecoder, type ScanComponent } from './block-decoder.js';
import type { Component } from './component.js';
import { HuffmanTable } from './huffman.js';
import { FirstAcDecoder, FirstDcDecoder, NextAcDecoder, NextDcDecoder } from './progressive-decoder.js';
import type { ScanData } from './scan-data.js';
import type { JpegScan, JpegTables } from './tables.js';

/** What a scan fills: of each component its blocks row by row, 64 coefficients each. */
export interface FrameBlocks {
  readonly progressive: boolean;
  readonly components: readonly Component[];
  /** Units of all components in the frame. */
  readonly unitRows: number;
  readonly unitColumns: number;
  /** Of `unitRows * unitColumns` blocks for each component. */
  readonly coefficients: readonly Int16Array[];
}

/**
 * Decodes the data of one scan.
 *
 * @throws Error where they end early or hold what is not of a JPEG
 */
export function decodeScan(frame: FrameBlocks, scan: JpegScan, tables: JpegTables, data: ScanData): void {
  const { first } = scan;
  const dc = !frame.progressive || (first === 0 && scan.before === 0);
  const ac = !frame.progressive || first > 0;
  const parts = scan.parts.map((part) => ({
    component: part.component,
    dc: dc ? new HuffmanTable(tables.codes('dc', part.dc)) : undefined,
    ac: ac ? new HuffmanTable(tables.codes('ac', part.ac)) : undefined,
  }));
  const decoder = decoderOf(frame, scan, data);
  const [only] = parts;
  if (parts.length === 1) decodeAlone(frame, only!, decoder, tables.interval);
  else decodeTogether(frame, parts, decoder, tables.interval);
  decoder.check();
}

function decoderOf({ progressive }: FrameBlocks, { first, last, before, now }: JpegScan, data: ScanData): BlockDecoder {
  if (!progressive) return new SequentialDecoder(data);
  if (first === 0) return before === 0 ? new FirstDcDecoder(data, now) : new NextDcDecoder(data, now);
  return before === 0 ? new FirstAcDecoder(data, first, last, now) : new NextAcDecoder(data, first, last, now);
}

/** A scan of one component has its blocks in rows, none beyond the image. */
function decodeAlone(frame: FrameBlocks, part: ScanComponent, decoder: BlockDecoder, interval: number): void {
  const { rows, columns, unitColumns } = frame.components[part.component]!;
  const coefficients = frame.coefficients[part.component]!;
  let until = interval;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (interval > 0 && until-- === 0) {
        decoder.check();
        decoder.restart();
        until = interval - 1;
      }
      decoder.block(coefficients, (y * unitColumns + x) * 64, part);
      decoder.check();
    }
  }
}

/** A scan of several components has them unit by unit: of each as many blocks as its sampling says. */
function decodeTogether(
  frame: FrameBlocks,
  parts: readonly ScanComponent[],
  decoder: BlockDecoder,
  interval: number,
): void {
  let until = interval;
  for (let row = 0; row < frame.unitRows; row++) {
    for (let column = 0; column < frame.unitColumns; column++) {
      if (interval > 0 && until-- === 0) {
        decoder.check();
        decoder.restart();
        until = interval - 1;
      }
      for (const part of parts) {
        const { down, across, unitColumns } = frame.components[part.component]!;
        const coefficients = frame.coefficients[part.component]!;
        for (let y = 0; y < down; y++) {
          const start = (row * down + y) * unitColumns + column * across;
          for (let x = 0; x < across; x++) decoder.block(coefficients, (start + x) * 64, part);
        }
      }
      decoder.check();
    }
  }
}
