import { ShieldError } from '@shield/core';
import { SlurmFailure } from './commands.js';

/** @throws what {@link asShieldError} makes of it */
export function failure(error: unknown): never {
  throw asShieldError(error);
}

/** The error that a user meets where Slurm did not do what it was asked; what is no SlurmFailure as it is. */
export function asShieldError(error: unknown): Error {
  if (!(error instanceof SlurmFailure)) return error as Error;
  const params = { name: 'slurm', reason: error.message };
  switch (error.kind) {
    case 'missing': {
      const expected = 'run it where the commands of Slurm are, on a login node; or use --executor local';
      return new ShieldError('EXECUTOR_UNUSABLE', { ...params, expected }, { cause: error });
    }
    case 'away': {
      const expected = 'ask scontrol ping; cells that are done stand, and the same command goes on with the others';
      return new ShieldError('EXECUTOR_UNREACHABLE', { ...params, expected }, { cause: error });
    }
    case 'refused':
      return refusal(error.message, error);
  }
}

export function refusal(reason: string, cause?: Error): ShieldError {
  const expected = 'mend what it names under execution; sinfo lists partitions, their limits and resources';
  return new ShieldError('EXECUTOR_REFUSED', { name: 'slurm', reason, expected }, { cause });
}
