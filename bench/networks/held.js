import { readFileSync } from 'node:fs';

/** Bytes of memory that the process holds and no file stands behind; Linux only. */
export function held() {
  return Number(/RssAnon:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) * 1024;
}
