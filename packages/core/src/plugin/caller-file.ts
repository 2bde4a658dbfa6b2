import { fileURLToPath } from 'node:url';

/**
 * The file of the code that called into `moduleUrl`, read off the stack. A plugin file thereby needs no line that
 * says where it is, and its content can name what it computes.
 */
export function callerFile(moduleUrl: string): string | undefined {
  const prepare = Error.prepareStackTrace;
  try {
    Error.prepareStackTrace = (_, sites) => sites;
    const holder: { stack?: NodeJS.CallSite[] } = {};
    Error.captureStackTrace(holder as { stack?: string }, callerFile);
    const own = new Set([toPath(moduleUrl), toPath(import.meta.url)]);
    for (const site of holder.stack ?? []) {
      const file = site.getFileName();
      if (file && !file.startsWith('node:') && !own.has(toPath(file))) return toPath(file);
    }
    return undefined;
  } finally {
    Error.prepareStackTrace = prepare;
  }
}

function toPath(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file;
}
