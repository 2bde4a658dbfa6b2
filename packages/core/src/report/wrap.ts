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
