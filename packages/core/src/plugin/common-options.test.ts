import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { specRegistry } from '../testing/spec-plugins.js';
import { fullOptionsSchema, isCommonOption } from './common-options.js';
import { defineDataset } from './define.js';

const registry = specRegistry();
const keys = (kind: 'attack' | 'dataset' | 'defense' | 'model', name: string) =>
  Object.keys(fullOptionsSchema(registry.get(kind, name)).properties);

describe('the options of a plugin', () => {
  it('are its own and those of its kind', () => {
    expect(keys('attack', 'sign')).toEqual(['eps', 'labels', 'attack_misclassified', 'grid']);
    expect(keys('attack', 'push').at(-1)).toBe('target');
    expect(keys('dataset', 'folder')).toEqual([
      'path',
      'skip',
      'limit',
      'shuffle',
      'only_classes',
      'only_ids',
      'on_corrupt',
      'preprocess',
    ]);
    expect(keys('model', 'net')).toEqual(['width']);
    expect(keys('defense', 'round')).toEqual([]);
    expect(fullOptionsSchema(registry.get('dataset', 'folder'))).toMatchObject({
      required: ['path'],
      additionalProperties: false,
    });
    expect(isCommonOption('dataset', 'limit')).toBe(true);
    expect(isCommonOption('dataset', 'path')).toBe(false);
  });

  it('may give a common one another default, and may not be named use', () => {
    const make = (options: ReturnType<typeof Type.Object>) =>
      defineDataset({ name: 'd', summary: '', options, open: () => Promise.reject(new Error('unused')) });
    const shuffled = make(Type.Object({ shuffle: Type.Boolean({ default: true, description: 'order' }) }));
    expect(fullOptionsSchema(shuffled).properties['shuffle']!.default).toBe(true);
    const clash = make(Type.Object({ use: Type.String() }));
    expect(() => fullOptionsSchema(clash)).toThrowError(expect.objectContaining({ code: 'PLUGIN_INVALID' }) as Error);
  });
});
