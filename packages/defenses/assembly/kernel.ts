import { beginCoding, codeChroma, codeLuma } from './coding';
import * as at from './layout';
import { makeGrey, makePlanes } from './planes';
import { TABLE_BYTES } from './quantise';
import { beginWriting, closeChroma, writeGrey, writeRgb } from './writing';

/*
 * JPEG without its entropy coding, for whole images, at one quality or at one for each patch. JavaScript calls `layOut`,
 * writes the image, the choices and the tables that are missing, and then calls `run`: src/jpeg-kernel/kernel.ts.
 */

export { layOut } from './layout';

export function imageAddress(): usize {
  return at.image;
}

export function choiceAddress(): usize {
  return at.choice;
}

/** Where the table indices of the qualities go, as i32. */
export function tableIndexAddress(): usize {
  return at.tableOf;
}

export function tableAddress(index: i32): usize {
  return at.tables + index * TABLE_BYTES;
}

/**
 * Codes and decodes the image in place. The chroma tables follow the luma tables of their quality. It goes by rows of
 * chroma blocks, which stay in the cache; pixels are written one row late, for the triangle filter looks at the row of
 * chroma below, and because eight pixels at a time spill into the next row.
 */
export function run(fast: bool): void {
  beginCoding();
  if (at.grey) {
    makeGrey();
    for (let by = 0; by < at.lumaRows >> 3; by++) codeLuma(by, fast);
    writeGrey();
    return;
  }
  beginWriting();
  const strips = at.chromaRows >> 3;
  const lumaBlocks = at.lumaRows >> 3;
  let written = 0;
  for (let strip = 0; strip < strips; strip++) {
    makePlanes(strip << 3, (strip + 1) << 3);
    for (let by = strip << at.down; by < min((strip + 1) << at.down, lumaBlocks); by++) codeLuma(by, fast);
    codeChroma(strip, fast);
    closeChroma(strip << 3, (strip + 1) << 3);
    const ready = strip === strips - 1 ? at.height : min(((strip + 1) << (3 + at.down)) - 1, at.height);
    writeRgb(written, ready);
    written = ready;
  }
}
