import { codeChroma, codeLuma } from './coding';
import * as at from './layout';
import { makePlanes } from './planes';
import { TABLE_BYTES } from './quantise';
import { writeGrey, writeRgb } from './writing';

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

/** Codes and decodes the image in place. The chroma tables follow the luma tables of their quality. */
export function run(fast: bool): void {
  makePlanes();
  codeLuma(fast);
  if (at.grey) {
    writeGrey();
  } else {
    codeChroma(fast);
    writeRgb();
  }
}
