import type { AttackPlugin } from './define.js';

export type AttackNorm = AttackPlugin['norm'];

/** The norm that an attack works in with these options: its option `norm`, where it has one, else its only one. */
export function normOf(plugin: AttackPlugin, options: Readonly<Record<string, unknown>>): AttackNorm {
  const chosen = options['norm'];
  return chosen === 'l0' || chosen === 'l1' || chosen === 'l2' || chosen === 'linf' ? chosen : plugin.norm;
}

/**
 * How far the attack may go, in 0-255 levels and its own norm: its option `eps`. Undefined for one that looks for the
 * smallest change there is.
 */
export function boundOf(options: Readonly<Record<string, unknown>>): number | undefined {
  return typeof options['eps'] === 'number' ? options['eps'] : undefined;
}
