const TOKEN =
  /[ \t\n\r]*(?:([{}[\],:])|"((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;
const END = /[ \t\n\r]*$/y;

/**
 * Where a text stops being JSON: the place of the first token that may not stand there. The engine's own message has no
 * place for most faults.
 */
export function jsonFaultOffset(text: string): number {
  const open: ('{' | '[')[] = [];
  // What may come next: a value, a key, a colon, or what follows a value.
  let state: 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'after' = 'value';
  for (let at = 0; ; at = TOKEN.lastIndex) {
    if (state === 'after' && open.length === 0) {
      END.lastIndex = at;
      return END.test(text) ? text.length : at;
    }
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text);
    if (!token) return at;
    const [, mark, string] = token;
    if (mark === undefined) {
      if (state === 'key' || state === 'first key') {
        if (string === undefined) return at;
        state = 'colon';
      } else if (state === 'value' || state === 'first value') state = 'after';
      else return at;
      continue;
    }
    const inside = open.at(-1);
    if ((mark === '{' || mark === '[') && (state === 'value' || state === 'first value')) {
      open.push(mark);
      state = mark === '{' ? 'first key' : 'first value';
    } else if (mark === ':' && state === 'colon') state = 'value';
    else if (mark === ',' && state === 'after') state = inside === '{' ? 'key' : 'value';
    else if (mark === '}' && inside === '{' && (state === 'after' || state === 'first key')) {
      open.pop();
      state = 'after';
    } else if (mark === ']' && inside === '[' && (state === 'after' || state === 'first value')) {
      open.pop();
      state = 'after';
    } else return at;
  }
}
