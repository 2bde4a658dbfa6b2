/**
 * The Python literal of an original's command line (`{'eps': 16, 'clip': None, 'size': (8, 8)}`) as YAML flow style:
 * tuples become lists, None becomes null, escapes in strings are kept. True and False are YAML already.
 */
export function pythonLiteralToYaml(text: string): string {
  let out = '';
  for (let i = 0; i < text.length;) {
    const char = text[i]!;
    if (char === "'" || char === '"') {
      const end = endOfString(text, i);
      out += quote(text.slice(i + 1, end - 1), char);
      i = end;
      continue;
    }
    const word = /^[A-Za-z_]\w*/.exec(text.slice(i))?.[0];
    if (word !== undefined) {
      out += word === 'None' ? 'null' : word;
      i += word.length;
      continue;
    }
    if (char === '(') out += '[';
    else if (char === ')') out += ']';
    // YAML wants a space after the colon that follows a plain key.
    else if (char === ':') out += ': ';
    else out += char;
    i++;
  }
  return out;
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === text[start]) return i + 1;
  }
  return text.length + 1;
}

function quote(inner: string, mark: string): string {
  // A double-quoted YAML string knows Python's common escapes; \' is not among them.
  const escaped = inner.replace(/\\'/g, "'");
  return mark === '"' ? `"${inner}"` : `"${escaped.replace(/(?<!\\)"/g, '\\"')}"`;
}
