/**
 * A patch that makes one file, as `git diff` writes it (git-diff(1), "Generating patch text with -p").
 *
 * @param path from the folder in which it is applied, with `/` between folders
 */
export function newFilePatch(path: string, text: string, executable = false): string {
  const heading = `diff --git ${quoted(`a/${path}`)} ${quoted(`b/${path}`)}\nnew file mode ${executable ? '100755' : '100644'}\n`;
  if (text === '') return heading;
  const whole = text.endsWith('\n');
  const lines = (whole ? text.slice(0, -1) : text).split('\n');
  const body = lines.map((line) => `+${line}\n`).join('');
  const end = whole ? '' : '\\ No newline at end of file\n';
  // A name with a space ends at a tab.
  const name = quoted(`b/${path}`);
  const tab = name.includes(' ') && !name.startsWith('"') ? '\t' : '';
  return `${heading}--- /dev/null\n+++ ${name}${tab}\n@@ -0,0 +1,${lines.length} @@\n${body}${end}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '"': '\\"', '\\': '\\\\' };

/** As git quotes a name that has control characters, quotation marks or backslashes in it. */
function quoted(name: string): string {
  const special = /[\u0000-\u001f\u007f"\\]/g;
  if (!special.test(name)) return name;
  const octal = (char: string) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;
  return `"${name.replaceAll(special, (char) => ESCAPES[char] ?? octal(char))}"`;
}
