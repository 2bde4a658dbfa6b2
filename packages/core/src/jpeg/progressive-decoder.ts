import { BlockDecoder, NO_CODE, TOO_LONG, type ScanComponent } from './block-decoder.js';
import { extended, LOOK } from './huffman.js';
import type { ScanData } from './scan-data.js';
import { NATURAL } from './zigzag.js';

/*
 * Blocks of progressive files (ITU-T T.81, G.1.2): one class for each kind of scan. Bits below `now` come in later ones.
 */

/** The upper bits of DC coefficients. */
export class FirstDcDecoder extends BlockDecoder {
  constructor(
    data: ScanData,
    private readonly now: number,
  ) {
    super(data);
  }

  block(coefficients: Int16Array, at: number, part: ScanComponent): void {
    coefficients[at] = this.dc(part) << this.now;
  }
}

/** One more bit of DC coefficients. */
export class NextDcDecoder extends BlockDecoder {
  constructor(
    data: ScanData,
    private readonly now: number,
  ) {
    super(data);
  }

  block(coefficients: Int16Array, at: number): void {
    coefficients[at]! |= (this.peek(this.position++) >>> 31) << this.now;
  }
}

abstract class AcDecoder extends BlockDecoder {
  /** Blocks that have nothing more, this one among them. */
  protected blank = 0;

  constructor(
    data: ScanData,
    protected readonly first: number,
    protected readonly final: number,
    protected readonly now: number,
  ) {
    super(data);
  }

  override restart(): void {
    super.restart();
    this.blank = 0;
  }

  /** How many blocks have nothing more: 2^size and as many bits, at `position`. */
  protected blanks(position: number, size: number): number {
    return size === 0 ? 1 : (1 << size) + (this.peek(position) >>> (32 - size));
  }
}

/** The upper bits of AC coefficients. */
export class FirstAcDecoder extends AcDecoder {
  block(coefficients: Int16Array, at: number, part: ScanComponent): void {
    if (this.blank > 0) {
      this.blank--;
      return;
    }
    const { view, final, now } = this;
    const ac = part.ac!;
    const looked = ac.coefficients;
    let { position } = this;
    let k = this.first;
    while (k <= final) {
      const bits = view.getInt32(position >>> 3) << (position & 7);
      const found = looked[bits >>> (32 - LOOK)]!;
      let value = found >> 16;
      if (value !== 0) {
        k += ((found >> 8) & 255) - 1;
        position += found & 255;
      } else {
        const entry = ac.entry(bits);
        if (entry === 0) throw new Error(NO_CODE);
        position += entry >> 8;
        const [run, size] = [(entry >> 4) & 15, entry & 15];
        if (size === 0) {
          if (run < 15) {
            this.blank = this.blanks(position, run) - 1;
            position += run;
            break;
          }
          k += 16;
          continue;
        }
        k += run;
        value = extended((view.getInt32(position >>> 3) << (position & 7)) >>> (32 - size), size);
        position += size;
      }
      if (k > final) throw new Error(TOO_LONG);
      coefficients[at + NATURAL[k++]!] = value << now;
    }
    this.position = position;
  }
}

/** One more bit of AC coefficients: of those that have bits already, and those that begin with it. */
export class NextAcDecoder extends AcDecoder {
  block(coefficients: Int16Array, at: number, part: ScanComponent): void {
    const { view, final, now } = this;
    const one = 1 << now;
    let { position, blank } = this;
    let k = this.first;
    while (blank > 0 || k <= final) {
      // Of a block that has nothing more, all that are there get their bit.
      let zeros = 64;
      let value = 0;
      if (blank === 0) {
        const entry = part.ac!.entry(view.getInt32(position >>> 3) << (position & 7));
        if (entry === 0 || (entry & 15) > 1) throw new Error(NO_CODE);
        position += entry >> 8;
        const run = (entry >> 4) & 15;
        if ((entry & 15) === 1) {
          value = bitAt(view, position++) === 1 ? one : -one;
          zeros = run;
        } else if (run < 15) {
          blank = this.blanks(position, run);
          position += run;
        } else zeros = 15;
      }
      for (; k <= final; k++) {
        const place = at + NATURAL[k]!;
        const known = coefficients[place]!;
        if (known === 0) {
          if (zeros-- === 0) break;
        } else if (bitAt(view, position++) === 1 && (Math.abs(known) & one) === 0) {
          coefficients[place] = known < 0 ? known - one : known + one;
        }
      }
      if (blank > 0) {
        blank--;
        break;
      }
      if (value !== 0) {
        if (k > final) throw new Error(TOO_LONG);
        coefficients[at + NATURAL[k]!] = value;
      }
      k++;
    }
    this.position = position;
    this.blank = blank;
  }
}

function bitAt(view: DataView, position: number): number {
  return (view.getUint8(position >>> 3) >> (7 - (position & 7))) & 1;
}
