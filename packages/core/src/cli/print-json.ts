import { once } from 'node:events';

/** Items whose text is one part. */
const AT_ONCE = 500;

/**
 * Prints a mapping with a list as its last member, as `JSON.stringify` indents it: part by part, since of very many items
 * the whole would be longer than a string can be.
 */
export async function printJson(head: object, name: string, items: readonly unknown[]): Promise<void> {
  for (const part of jsonParts(head, name, items)) {
    if (!process.stdout.write(part)) await once(process.stdout, 'drain');
  }
}

export function* jsonParts(head: object, name: string, items: readonly unknown[]): Generator<string> {
  const [start, end] = JSON.stringify({ ...head, [name]: [0] }, undefined, 2).split(/\n {4}0(?=\n {2}\]\n\}$)/) as [
    string,
    string,
  ];
  if (items.length === 0) {
    yield `${JSON.stringify({ ...head, [name]: [] }, undefined, 2)}\n`;
    return;
  }
  yield start;
  for (let i = 0; i < items.length; i += AT_ONCE) {
    const part = items.slice(i, i + AT_ONCE);
    const text = JSON.stringify([part], undefined, 2);
    // Without the brackets of the two lists.
    yield `${i === 0 ? '' : ','}${text.slice('[\n  ['.length, -'\n  ]\n]'.length)}`;
  }
  yield `${end}\n`;
}
