import { ShieldError, reasonOf, type ErrorCodeName } from '@shield/core';

const NO_BUCKET = new Set(['NoSuchBucket']);
const NO_ENTRY =
  /^(InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|ExpiredToken|InvalidToken|AllAccessDisabled)$/;
const NO_CREDENTIALS = new Set(['CredentialsProviderError']);
const AWAY = /ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|TimeoutError|socket hang up|aborted|premature/i;

/**
 * What a request to an S3-compatible store failed of, as people are told.
 *
 * @param store its address @param what was asked for
 */
export function storeFailure(error: unknown, store: string, what: string): ShieldError {
  if (error instanceof ShieldError) return error;
  const {
    name = '',
    code = '',
    $metadata,
  } = error as {
    readonly name?: string;
    readonly code?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? 0;
  // What refuses connections at several addresses has no message of its own.
  const reason = reasonOf(error) || code || name;
  const told = (as: ErrorCodeName, why: string, expected: string) =>
    new ShieldError(as, { name: 'bullmq', reason: `${store}: ${why}`, expected }, { cause: error });
  if (NO_BUCKET.has(name))
    return told('EXECUTOR_UNUSABLE', 'there is no such bucket', 'make it, or name another: execution.artifacts');
  if (NO_CREDENTIALS.has(name))
    return told('EXECUTOR_REFUSED', 'there are no credentials', 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  if (NO_ENTRY.test(name) || status === 401 || status === 403) {
    const expected = 'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they allow: list, get, put';
    return told('EXECUTOR_REFUSED', `it does not let us in (${name || status})`, expected);
  }
  if (status >= 500 || status === 429 || AWAY.test(`${name} ${code} ${reason}`)) {
    const expected = 'start it, or name another: execution.s3_endpoint. What was put there stands';
    return told('EXECUTOR_UNREACHABLE', reason, expected);
  }
  const expected = 'see what the store says of it, or name another: execution.artifacts, execution.s3_endpoint';
  return told('EXECUTOR_UNUSABLE', `${what}: ${name} ${reason}`, expected);
}
