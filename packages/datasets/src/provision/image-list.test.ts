import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawImage } from './raw-image.js';
import { listOf } from './testing/image-lists.js';

const text = fc.string({ unit: fc.constantFrom('a', 'B', '1', '_', '.', 'é', '愛', '🐟'), minLength: 1, maxLength: 6 });
const size = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const wnid = fc.option(fc.constantFrom('n01440764', 'n02102040'), { nil: undefined });
/** In an archive, in a folder under its name, or in a file of another name. */
const image = fc
  .tuple(text, text, fc.constantFrom('archive', 'file', 'other'), size, size, wnid)
  .map(([name, folder, kind, offset, bytes, known]): RawImage => {
    const path = kind === 'archive' ? `/${folder}.tar` : kind === 'file' ? `/${folder}/${name}` : folder;
    return { name, path, offset, size: bytes, ...(known !== undefined && { wnid: known }) };
  });

describe('ImageList', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.array(image, { maxLength: 60 }), (images) => {
        const list = listOf(images);
        expect([...list]).toEqual(images);
        expect(images.map((_, i) => [list.name(i), list.wnid(i)])).toEqual(
          images.map(({ name, wnid }) => [name, wnid]),
        );
        expect(new Set(list.wnids)).toEqual(new Set(images.flatMap(({ wnid }) => wnid ?? [])));
      }),
    );
  });

  it('sorts by the bytes of the names, twins as they came', () => {
    fc.assert(
      fc.property(fc.array(image, { maxLength: 60 }), (images) => {
        const list = listOf(images);
        const bytes = images.map(({ name }) => Buffer.from(name));
        const order = [...images.keys()].sort((a, b) => Buffer.compare(bytes[a]!, bytes[b]!));
        expect([...list.byName()]).toEqual(order);
        for (const [i, a] of images.entries()) {
          for (const [j, b] of images.slice(0, 5).entries()) expect(list.sameName(i, j)).toBe(a.name === b.name);
        }
      }),
    );
  });

  it('gives a class to those that have none', () => {
    const images = [{ wnid: 'n01440764' }, {}, {}].map((more, i) => ({
      name: `${i}`,
      path: 'a',
      offset: 0,
      size: 1,
      ...more,
    }));
    const labelled = listOf<RawImage>(images).labelled((i) => `n0000000${i}`);
    expect(Array.from(labelled, ({ wnid }) => wnid)).toEqual(['n01440764', 'n00000001', 'n00000002']);
  });

  it('grows beyond what it began with', () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `ILSVRC2012_val_${String(i).padStart(8, '0')}.JPEG`); // prettier-ignore
    const list = listOf(names(5000).map((name, i) => ({ name, path: '/raw/val.tar', offset: 2 ** 33 + i, size: i })));
    expect(list.length).toBe(5000);
    expect(list.at(4999)).toEqual({ name: 'ILSVRC2012_val_00004999.JPEG', path: '/raw/val.tar', offset: 2 ** 33 + 4999, size: 4999 }); // prettier-ignore
  });
});
