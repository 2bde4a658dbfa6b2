import { fileURLToPath } from 'node:url';

/**
 * The file of the code that called into `moduleUrl`, read off the stack. A plugin file thereby needs no line that
 * says where it is, and its content can name what it computes.
 */
export function callerFile(moduleUrl: string): string | undefined {
  const own = new Set([toPath(moduleUrl), toPath(import.meta.url)]);
  return callSites()
    .map((site) => site.getFileName())
    .filter((file) => typeof file === 'string' && !file.startsWith('node:'))
    .map((file) => toPath(file!))
    .find((file) => !own.has(file));
}

function callSites(): NodeJS.CallSite[] {
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  try {
    Error.prepareStackTrace = (_, sites) => sites;
    const holder: { stack?: unknown } = {};
    Error.captureStackTrace(holder);
    return Array.isArray(holder.stack) ? (holder.stack as NodeJS.CallSite[]) : [];
  } finally {
    if (before) Object.defineProperty(Error, 'prepareStackTrace', before);
    else delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  }
}

function toPath(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file;
}
