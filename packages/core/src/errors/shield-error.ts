import { ERROR_CODES, type ErrorCodeName } from './codes.js';

/** A place in a file a person wrote; line and column count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export type ErrorParams = Readonly<Record<string, string | number | undefined>>;

export interface ShieldErrorOptions {
  readonly where?: SourceLocation | undefined;
  readonly cause?: unknown;
}

/** An error for people: a code of {@link ERROR_CODES}, what is wrong, where, and how to mend it. */
export class ShieldError extends Error {
  readonly code: ErrorCodeName;
  readonly params: ErrorParams;
  readonly fix: string;
  readonly where: SourceLocation | undefined;
  readonly exitCode: 1 | 2;

  constructor(code: ErrorCodeName, params: ErrorParams = {}, options: ShieldErrorOptions = {}) {
    const entry = ERROR_CODES[code];
    super(fill(entry.message, params), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ShieldError';
    this.code = code;
    this.params = params;
    this.fix = fill(entry.fix, params);
    this.where = options.where;
    this.exitCode = entry.exit;
  }

  /** One that another process told of, in its words. */
  static told({ code, message, fix }: { code: string; message: string; fix?: string }): ShieldError {
    const error = new ShieldError(code in ERROR_CODES ? (code as ErrorCodeName) : 'INTERNAL');
    return Object.assign(error, { message, fix: fix ?? error.fix });
  }
}

/** Several errors found at once (a spec is checked whole before anything runs). */
export class ShieldErrors extends Error {
  readonly exitCode: 1 | 2;

  constructor(readonly errors: readonly ShieldError[]) {
    super(errors.map((error) => error.message).join('\n'));
    this.name = 'ShieldErrors';
    this.exitCode = errors.some((error) => error.exitCode === 2) ? 2 : 1;
  }
}

/** Throws nothing for none, the error itself for one, {@link ShieldErrors} for more. */
export function throwAll(errors: readonly ShieldError[]): void {
  const [first, ...rest] = errors;
  if (!first) return;
  throw rest.length === 0 ? first : new ShieldErrors(errors);
}

/** What each item gives; where some throw, all that they throw, at once. */
export function gathered<T, R>(items: readonly T[], read: (item: T) => R): R[] {
  const faults: ShieldError[] = [];
  const results: R[] = [];
  for (const item of items) {
    try {
      results.push(read(item));
    } catch (error) {
      if (error instanceof ShieldErrors) faults.push(...error.errors);
      else if (error instanceof ShieldError) faults.push(error);
      else throw error;
    }
  }
  throwAll(faults);
  return results;
}

/** `file:line:column`, as editors and terminals make into a link. */
export function formatLocation(where: SourceLocation): string {
  return [where.file, where.line, where.column].filter((part) => part !== undefined).join(':');
}

function fill(template: string, params: ErrorParams): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''));
}
