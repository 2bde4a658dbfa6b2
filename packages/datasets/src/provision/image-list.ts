import { basename, dirname, join } from 'node:path';
import type { LabelledImage, RawImage } from './raw-image.js';

const FIRST = 1024;

/**
 * Images by the hundred thousand: in columns of plain memory an image takes some 60 bytes, where an object and its
 * strings take many times as many.
 */
export class ImageList<Image extends RawImage = RawImage> implements Iterable<Image> {
  #length = 0;
  #names: Buffer<ArrayBuffer> = Buffer.alloc(32 * FIRST);
  /** Where each name ends; the one before it ends where it begins. */
  #ends = new Float64Array(FIRST);
  #offsets = new Float64Array(FIRST);
  #sizes = new Float64Array(FIRST);
  /** In `#places`, from 1: of the archive, or, negative, of the folder that the file stands in. */
  #place = new Int32Array(FIRST);
  /** In `#wnids`, from 1; 0 where it is not known. */
  #wnid = new Uint32Array(FIRST);
  readonly #places = new Numbered();
  readonly #wnids = new Numbered();

  get length(): number {
    return this.#length;
  }

  /** The classes of its images. */
  get wnids(): readonly string[] {
    return this.#wnids.texts;
  }

  add({ name, path, offset, size, wnid }: Image): void {
    const i = this.#length;
    if (i === this.#ends.length) this.#widen();
    const start = this.#start(i);
    const bytes = Buffer.byteLength(name);
    if (start + bytes > this.#names.length) this.#names = widened(this.#names, 2 * (start + bytes));
    this.#names.write(name, start);
    this.#ends[i] = start + bytes;
    this.#offsets[i] = offset;
    this.#sizes[i] = size;
    const folder = basename(path) === name ? dirname(path) : undefined;
    const apart = folder !== undefined && join(folder, name) === path;
    this.#place[i] = apart ? -this.#places.of(folder) : this.#places.of(path);
    this.#wnid[i] = wnid === undefined ? 0 : this.#wnids.of(wnid);
    this.#length++;
  }

  at(i: number): Image {
    const [name, place, wnid] = [this.name(i), this.#place[i]!, this.wnid(i)];
    const path = place < 0 ? join(this.#places.text(-place), name) : this.#places.text(place);
    const image: RawImage = { name, path, offset: this.#offsets[i]!, size: this.#sizes[i]! };
    return (wnid === undefined ? image : { ...image, wnid }) as Image;
  }

  name(i: number): string {
    return this.#names.toString('utf8', this.#start(i), this.#ends[i]);
  }

  wnid(i: number): string | undefined {
    const wnid = this.#wnid[i]!;
    return wnid === 0 ? undefined : this.#wnids.text(wnid);
  }

  /** The list with the class of each image that has none yet. */
  labelled(wnidOf: (i: number) => string): ImageList<LabelledImage> {
    for (let i = 0; i < this.#length; i++) this.#wnid[i] ||= this.#wnids.of(wnidOf(i));
    return this as unknown as ImageList<LabelledImage>;
  }

  /** Which image is the first, the second … by name, in the order of its bytes (as Python sorts); of twins the first one. */
  byName(): Uint32Array {
    const order = Uint32Array.from({ length: this.#length }, (_, i) => i);
    return order.sort((a, b) => this.#compareNames(a, b) || a - b);
  }

  sameName(a: number, b: number): boolean {
    return this.#compareNames(a, b) === 0;
  }

  *[Symbol.iterator](): Generator<Image> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }

  #compareNames(a: number, b: number): number {
    return this.#names.compare(this.#names, this.#start(b), this.#ends[b], this.#start(a), this.#ends[a]);
  }

  #start(i: number): number {
    return i === 0 ? 0 : this.#ends[i - 1]!;
  }

  #widen(): void {
    const length = 2 * this.#length;
    this.#ends = widened(this.#ends, length);
    this.#offsets = widened(this.#offsets, length);
    this.#sizes = widened(this.#sizes, length);
    this.#place = widened(this.#place, length);
    this.#wnid = widened(this.#wnid, length);
  }
}

/** Texts that many share, by number from 1. */
class Numbered {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) this.#numbers.set(text, (number = this.texts.push(text)));
    return number;
  }

  text(number: number): string {
    return this.texts[number - 1]!;
  }
}

type Column = Buffer<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

function widened<C extends Column>(column: C, length: number): C {
  const wide = Buffer.isBuffer(column)
    ? Buffer.alloc(length)
    : new (column.constructor as new (length: number) => Column)(length);
  wide.set(column);
  return wide as C;
}
