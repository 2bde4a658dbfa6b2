/**
 * A command as messages give it: the name of what it does, flags with their values, and what looks like a path, an
 * option, a quoted word or a PLACEHOLDER. Prose that goes on behind it is not part of it.
 */
const COMMAND =
  /(?:npx )?\bshield [a-z]+(?: (?:'[^']*'|--?[a-z][\w-]*(?: (?:'[^']*'|[\w./:=,+-]*\w))?|[^\s']*[/=\d.~][^\s']*\w|[A-Z][A-Z_]+))*/g;
/** Stands for a space at which no line is broken. */
const KEPT = '\ue000';

/**
 * Breaks a text between words so that no line has more than `columns` characters; lines after the first are indented.
 * A word that is longer than a line keeps one of its own, and so does a command of this program, for whoever copies it.
 */
export function wrap(text: string, columns = 80, indent = 0): string {
  const lines: string[] = [];
  let line = '';
  const whole = text.replace(COMMAND, (command) => command.replaceAll(' ', KEPT));
  for (const [index, word] of whole.split(' ').entries()) {
    const longer = index === 0 ? word : `${line} ${word}`;
    if (longer.length > columns && line.trim() !== '') {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else line = longer;
  }
  return [...lines, line].join('\n').replaceAll(KEPT, ' ');
}

/** As {@link wrap}, each line of a text, for a terminal's width; what goes to files and pipes stays as it is. */
export function wrapFor(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>, text: string, indent = 2): string {
  if (!stream.isTTY) return text;
  const lines = text.split('\n');
  return lines.map((line) => wrap(line, stream.columns || 80, indent + /^ */.exec(line)![0].length)).join('\n');
}
