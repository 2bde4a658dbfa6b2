import { expect, test } from 'vitest';
import { wrap, wrapFor, wrapMessage } from './wrap.js';

test('breaks between words, and indents what follows the first line', () => {
  expect(wrap('one two three four', 9)).toBe('one two\nthree\nfour');
  expect(wrap('key  one two three', 11, 5)).toBe('key  one\n     two\n     three');
  expect(wrap('  a  bb ccc', 8, 5)).toBe('  a  bb\n     ccc');
});

test('what fits stays as it is; a long word is not cut', () => {
  expect(wrap('short', 80)).toBe('short');
  expect(wrap('a incomprehensibilities b', 10)).toBe('a\nincomprehensibilities\nb');
});

test('a command is not broken, so that it can be copied', () => {
  const again = "shield sweep configs/a.yaml -m 'defenses.jpeg={use: jpeg}' seed=1,2 --only failed";
  expect(wrapMessage(`once mended, run just those again: ${again}`, 40, 2)).toBe(
    `once mended, run just those again:\n  ${again}`,
  );
  expect(wrapMessage('shield resume 20261129-004422-def-q78r4g goes on with it, and nothing is lost', 50)).toBe(
    'shield resume 20261129-004422-def-q78r4g goes on\nwith it, and nothing is lost',
  );
  expect(wrapMessage('start some: npx shield worker --queue night', 20)).toBe(
    'start some:\nnpx shield worker --queue night',
  );
  expect(wrapMessage('run shield sweep SPEC --executor bullmq; or mend it', 30)).toBe(
    'run\nshield sweep SPEC --executor bullmq;\nor mend it',
  );
});

test('is done for terminals only, each line for itself', () => {
  const text = 'CODE: one two\n  → three four';
  expect(wrapFor({ isTTY: true, columns: 10 }, text)).toBe('CODE: one\n  two\n  → three\n    four');
  expect(wrapFor({ isTTY: false, columns: 10 }, text)).toBe(text);
});
