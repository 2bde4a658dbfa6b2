import { readFileSync } from 'node:fs';

/** A small JPEG file, and what TensorFlow's decode_jpeg makes of it. */
export interface DecodedFile {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  /** sha256 of the pixels: by default, and with `dct_method='INTEGER_ACCURATE'`. */
  readonly ifast: string;
  readonly islow: string;
  readonly file: Buffer;
}

/** Files of every kind that is decoded; bench/record/jpeg_files.py records them. */
export function decodedFiles(): readonly DecodedFile[] {
  const text = readFileSync(new URL('decoded.json', import.meta.url), 'utf8');
  const { cases } = JSON.parse(text) as { cases: [string, number, number, string, string, string][] };
  return cases.map(([name, height, width, ifast, islow, file]) => ({
    ...{ name, height, width, ifast, islow },
    file: Buffer.from(file, 'base64'),
  }));
}
