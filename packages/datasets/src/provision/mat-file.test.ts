import { MUTATIONS } from '@shield/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wnidsOf } from './devkit.js';
import { readMatFile } from './mat-file.js';
import { goldenMeta } from './testing/raw-data.js';

describe('readMatFile', () => {
  it.each(['meta.mat', 'meta-plain.mat'])(
    'reads %s, which SciPy wrote in the shape of the development kit’s',
    (name) => {
      const synsets = readMatFile(goldenMeta(name)).get('synsets');
      if (synsets?.kind !== 'structs') throw new Error('no structures');
      expect(synsets.records).toHaveLength(11);
      expect(synsets.records[1]).toEqual({
        ILSVRC2012_ID: { kind: 'numbers', values: [2] },
        WNID: { kind: 'text', text: 'n01440764' },
        words: { kind: 'text', text: 'words of n01440764' },
        gloss: { kind: 'text', text: 'a gloss, é' },
        num_children: { kind: 'numbers', values: [0] },
        children: { kind: 'numbers', values: [] },
        wordnet_height: { kind: 'numbers', values: [0] },
        num_train_images: { kind: 'numbers', values: [250] },
      });
      expect(synsets.records[10]!['children']).toEqual({ kind: 'numbers', values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
      expect(wnidsOf(goldenMeta(name)).get(1)).toBe('n03888257');
    },
  );

  it('says what is wrong with other files, and with damaged ones, whatever the damage', () => {
    expect(() => readMatFile(Buffer.from('no such file'))).toThrow('not a MAT-file of version 5');
    const whole = goldenMeta('meta-plain.mat');
    const damages = fc.array(fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(damages, fc.option(fc.nat(whole.length)), (changes, cut) => {
        const bytes = Buffer.from(whole);
        for (const { at, value } of changes) bytes[at] = value;
        try {
          readMatFile(bytes.subarray(0, cut ?? bytes.length));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: MUTATIONS },
    );
  });
});
