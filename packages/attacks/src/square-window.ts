import type { Random } from '@shield/core';
import type { Pixels } from './queries.js';

export const CHANNELS = 3;

/** How the square attack changes one image in one norm. */
export interface Squares {
  /** The best image yet, with the last proposal in it until that is taken back. */
  readonly image: Pixels;
  /** Changes a square. @param share of the pixels that it covers */
  propose(share: number): void;
  takeBack(): void;
}

/** Of an image, in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** A square of pixels: its upper left corner and its side. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly side: number;
}

/** The side of a square that covers a share of the image, as far as it fits in. */
export function sideOf(share: number, { height, width }: Size, least: number): number {
  return Math.min(height, width, Math.max(least, Math.round(Math.sqrt(share * height * width))));
}

export function drawWindow(side: number, { height, width }: Size, random: Random): Window {
  return { top: random.integer(height - side + 1), left: random.integer(width - side + 1), side };
}

/** @param visit is given the index of every value of the window in the image's pixels, row by row */
export function forEachValue({ top, left, side }: Window, width: number, visit: (i: number) => void): void {
  for (let row = top; row < top + side; row++) {
    const start = (row * width + left) * CHANNELS;
    for (let i = start; i < start + side * CHANNELS; i++) visit(i);
  }
}

/** 1 or −1 with equal chance. */
export function sign(random: Random): number {
  return random.uint32() & 1 ? 1 : -1;
}

export function clip(value: number): number {
  return Math.min(1, Math.max(0, value));
}
