/**
 * Breaks a text between words so that no line has more than `columns` characters; lines after the first are indented.
 * A word that is longer than a line keeps one of its own.
 */
export function wrap(text: string, columns = 80, indent = 0): string {
  const lines: string[] = [];
  let line = '';
  for (const [index, word] of text.split(' ').entries()) {
    const longer = index === 0 ? word : `${line} ${word}`;
    if (longer.length > columns && line.trim() !== '') {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

/**
 * A command as messages give it: the name of what it does, flags with their values, and what looks like a path, an
 * option, a quoted word or a PLACEHOLDER. Prose that goes on behind it is not part of it.
 */
const COMMAND =
  /(?:npx )?\bshield [a-z]+(?: (?:'[^']*'|--?[a-z][\w-]*(?: (?:'[^']*'|[\w./:=,+-]*\w))?|[^\s']*[/=\d.~][^\s']*\w|[A-Z][A-Z_]+))*/g;
/** Stands for a space at which no line is broken. */
const KEPT = '\ue000';

/** As {@link wrap}, each line of a message; commands of this program stay whole, for whoever copies them. */
export function wrapMessage(text: string, columns = 80, indent = 0): string {
  const whole = text.replace(COMMAND, (command) => command.replaceAll(' ', KEPT));
  const lines = whole.split('\n').map((line) => wrap(line, columns, indent + /^ */.exec(line)![0].length));
  return lines.join('\n').replaceAll(KEPT, ' ');
}

/** A message for a terminal, as {@link wrapMessage}; what goes to files and pipes stays as it is. */
export function wrapFor(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>, text: string, indent = 2): string {
  return stream.isTTY ? wrapMessage(text, stream.columns || 80, indent) : text;
}
