import { Type } from '@sinclair/typebox';
import { expect, it } from 'vitest';
import { defineAttack } from '../plugin/define.js';
import { PluginRegistry } from '../plugin/registry.js';
import { doubtfulBounds } from './doubtful-bounds.js';

const registry = new PluginRegistry();
const base = {
  summary: '',
  targeted: false,
  needs: 'nothing',
  random: false,
  cost: () => ({ forwards: 0, gradients: 0 }),
} as const;
const run = () => Promise.reject(new Error('it is never run'));
registry.register(defineAttack({ ...base, name: 'step', norm: 'linf', options: Type.Object({}), run }), 'test');
registry.register(defineAttack({ ...base, name: 'nearest', norm: 'l2', options: Type.Object({}), run }), 'test');

const warned = (options: object, use = 'step') =>
  doubtfulBounds({ attacks: { mine: { use, ...options } } as never }, registry).join();

it.each([{ eps: 0.5 }, { eps: 8 }, { norm: 'l2', eps: 10 }, { norm: 'l2', eps: 127.5 }, { norm: 'l1', eps: 1 }, {}])(
  '%j is a bound in levels',
  (options) => expect(warned(options)).toBe(''),
);

it('an eps of other tools is told in levels', () => {
  expect(warned({ eps: 8 / 255 })).toMatch(
    /^attacks\.mine\.eps: 0\.0313\d* of 255 levels is next to nothing.* write eps: 8$/,
  );
  expect(warned({ eps: 0.03 })).toContain('write eps: 7.65');
});

it('an L2 norm is told on both scales, where an option chooses it and where the attack knows no other', () => {
  const line =
    'attacks.mine.eps: an L2 norm of 0.5 in 255 levels is 0.001961 on [0, 1], next to nothing. If 0.5 on [0, 1] is meant, write eps: 127.5';
  expect(warned({ norm: 'l2', eps: 0.5 })).toBe(line);
  expect(warned({ eps: 0.5 }, 'nearest')).toBe(line);
  // The default of attacks in either norm is one for linf.
  expect(warned({ norm: 'l2', eps: 4 })).toContain('write eps: 1020');
});
