import { isAbsolute, relative, sep } from 'node:path';

/** A path as people are shown it: from the working directory where it lies below that, else whole. @param path absolute */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short === '..' || short.startsWith(`..${sep}`) || isAbsolute(short) ? path : short;
}
