/**
 * Turns terminal output into plain lines: control sequences go, and of a line that is painted over again and again (a
 * progress bar) its last painting stays. Lines are given on as they end, so that a kill loses one line at most.
 *
 * Sequences are those of ECMA-48: CSI (colours, cursor), OSC (titles, links) and the two-byte ones.
 */
export function plainLines(put: (line: string) => void): { write(text: string): void; end(): void } {
  let line = '';
  let painted = '';
  /** An escape sequence or a carriage return whose continuation has not come yet. */
  let held = '';

  const endLine = () => {
    put(`${line === '' ? painted : line}\n`);
    line = painted = '';
  };

  return {
    write: (text) => {
      const { whole, rest } = splitHeld(held + text);
      held = rest;
      for (const part of whole.replaceAll(SEQUENCE, '').split(/(\r\n|\n|\r)/)) {
        if (part === '\n' || part === '\r\n') endLine();
        else if (part === '\r') {
          // What is cleared and left blank was a bar that has been taken away.
          if (line !== '') painted = line;
          line = '';
        } else line += part.replaceAll(CONTROL, '');
      }
    },
    end: () => {
      line += held.replaceAll(SEQUENCE, '').replaceAll(CONTROL, '');
      held = '';
      if (line !== '' || painted !== '') endLine();
    },
  };
}

const SEQUENCE =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[PX^_][^\u001b]*\u001b\\|[ -/]*[0-Z\\^-~])/g;
const UNFINISHED =
  /(?:\u001b(?:\[[0-?]*[ -/]*|\][^\u0007\u001b]{0,2048}\u001b?|[PX^_][^\u001b]{0,2048}\u001b?|[ -/]*)|\r)$/;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

function splitHeld(text: string): { whole: string; rest: string } {
  const at = UNFINISHED.exec(text)?.index ?? text.length;
  return { whole: text.slice(0, at), rest: text.slice(at) };
}
