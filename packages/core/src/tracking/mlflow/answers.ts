import { ShieldError } from '../../errors/index.js';
import type { HttpAnswer } from './http.js';

/** What a good answer holds; nothing for an error that is tolerated. */
export function readAnswer(
  uri: string,
  { status, text }: HttpAnswer,
  what: string,
  tolerated: readonly string[],
): object {
  const body = parseObject(text);
  if (status >= 200 && status < 300) {
    if (body) return body;
    if (text.trim() === '') return {};
    throw noServer(uri, `answers ${what} with something else than MLflow's JSON`);
  }
  const { error_code: code, message } = (body ?? {}) as { error_code?: string; message?: string };
  if (code !== undefined && tolerated.includes(code)) return {};
  if (status === 401 || status === 403) {
    const expected =
      'check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN), what that user may do, and the server’s --allowed-hosts';
    throw new ShieldError('TRACKING_REFUSED', { uri, what, reason: message ?? shortText(text, status), expected });
  }
  if (status === 404 && code === undefined) {
    throw noServer(uri, `does not know ${what}: it is no MLflow server, or one of an older API`);
  }
  const expected = 'see the reason; shield sync sends what is missing when it is mended';
  throw new ShieldError('TRACKING_REFUSED', { uri, what, reason: message ?? shortText(text, status), expected });
}

function noServer(uri: string, reason: string): ShieldError {
  const expected = 'check MLFLOW_TRACKING_URI; SHIELD needs a server of MLflow 2.0 or later';
  return new ShieldError('TRACKING_UNSUPPORTED', { uri, reason, expected });
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function shortText(text: string, status: number): string {
  const plain = text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return plain === '' ? `status ${status}` : `status ${status}, ${plain.slice(0, 200)}`;
}
