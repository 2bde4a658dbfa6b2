import { expect, test } from 'vitest';
import { wrap } from './wrap.js';

test('breaks between words, and indents what follows the first line', () => {
  expect(wrap('one two three four', 9)).toBe('one two\nthree\nfour');
  expect(wrap('key  one two three', 11, 5)).toBe('key  one\n     two\n     three');
  expect(wrap('  a  bb ccc', 8, 5)).toBe('  a  bb\n     ccc');
});

test('what fits stays as it is; a long word is not cut', () => {
  expect(wrap('short', 80)).toBe('short');
  expect(wrap('a incomprehensibilities b', 10)).toBe('a\nincomprehensibilities\nb');
});
