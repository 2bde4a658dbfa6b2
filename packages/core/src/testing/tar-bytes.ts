/** An entry of an archive as a test wants it, however hostile. */
export interface TarEntry {
  readonly path: string;
  readonly data?: Uint8Array;
  /** POSIX type flag: '0' a file (default), '1' a hard link, '2' a symbolic link, '5' a folder, 'L', 'x', … */
  readonly type?: string;
  readonly link?: string;
  /** What the header says of the size, where that is not the data's. */
  readonly size?: number | bigint;
}

/** The bytes of a tar archive (POSIX ustar), with its end mark unless it is told not to. */
export function tarBytes(entries: readonly TarEntry[], { end = true } = {}): Buffer {
  const blocks: Buffer[] = [];
  for (const { path, data = new Uint8Array(0), type = '0', link = '', size = data.length } of entries) {
    blocks.push(header(path, type, link, BigInt(size)), Buffer.from(data));
    blocks.push(Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  if (end) blocks.push(Buffer.alloc(1024));
  return Buffer.concat(blocks);
}

function header(path: string, type: string, link: string, size: bigint): Buffer {
  const block = Buffer.alloc(512);
  block.write(path, 0, 100);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  if (size < 8n ** 11n) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  else {
    // Base 256, as GNU tar writes sizes of 8 GiB and more.
    block[124] = 0x80;
    block.writeBigUInt64BE(size, 128);
  }
  block.write('00000000000\0', 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(link, 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
