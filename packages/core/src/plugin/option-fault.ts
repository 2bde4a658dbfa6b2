import { ShieldError, type SourceLocation } from '../errors/index.js';
import type { OptionFault } from './contracts.js';

/**
 * What a defense's own `check` found, as an error.
 *
 * @param key what stands before the option: the plugin's name, or its path in the spec
 */
export function optionError(key: string, fault: OptionFault, where?: SourceLocation): ShieldError {
  const { option, reason, expected } = fault;
  return new ShieldError('SPEC_INVALID_VALUE', { key: `${key}.${option}`, reason, expected }, { where });
}

/** For `apply`, which programs may call with options that no spec was checked for. @throws SPEC_INVALID_VALUE */
export function refuseFault(plugin: string, fault: OptionFault | undefined): void {
  if (fault) throw optionError(plugin, fault);
}
