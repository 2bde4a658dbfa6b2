import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ShieldError, reasonOf } from '../../errors/index.js';

/** The `tracking.mlflow` of a spec; what it leaves out comes from the environment. */
export interface MlflowChoice {
  readonly uri?: string;
  readonly experiment?: string;
}

/** How a tracking server is reached: what MLflow's own users set, under the names that they know. */
export interface MlflowSettings {
  /** `http(s)://host[:port][/path]`, without credentials and without a slash at its end. */
  readonly uri: string;
  readonly experiment: { readonly name: string } | { readonly id: string };
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
  /** Whether any certificate will do. */
  readonly insecureTls: boolean;
  /** PEM of the authorities to trust in place of the system's. */
  readonly certificates: Buffer | undefined;
  readonly timeoutMs: number;
  /** Tries after the first. */
  readonly retries: number;
  /** Wait before the first retry; doubles from try to try. */
  readonly backoffMs: number;
}

const DEFAULT_EXPERIMENT = 'shield';
const DEFAULT_TIMEOUT_S = 30;
const DEFAULT_RETRIES = 4;
const BACKOFF_MS = 500;

/**
 * Reads `MLFLOW_TRACKING_URI`, `_USERNAME`, `_PASSWORD`, `_TOKEN`, `_INSECURE_TLS`, `_SERVER_CERT_PATH`,
 * `MLFLOW_EXPERIMENT_NAME`, `_ID`, `MLFLOW_HTTP_REQUEST_TIMEOUT` (s), `_MAX_RETRIES`; what the spec says goes first.
 * User and password count before a token, then what stands in the address, then ~/.mlflow/credentials.
 *
 * @returns undefined where no server is named
 * @throws TRACKING_UNSUPPORTED for an address that is no server's, or settings that cannot be read
 */
export function mlflowSettings(
  environment: NodeJS.ProcessEnv,
  choice: MlflowChoice = {},
  home = homedir(),
): MlflowSettings | undefined {
  const named = choice.uri ?? environment['MLFLOW_TRACKING_URI'];
  if (!named) return undefined;
  const { uri, user, password } = parseUri(named);
  const name = choice.experiment ?? environment['MLFLOW_EXPERIMENT_NAME'];
  const id = environment['MLFLOW_EXPERIMENT_ID'];
  const certificatePath = environment['MLFLOW_TRACKING_SERVER_CERT_PATH'];
  return {
    uri,
    experiment: name ? { name } : id ? { id } : { name: DEFAULT_EXPERIMENT },
    authorization: authorization(environment, user, password, home),
    insecureTls: /^(true|1)$/i.test(environment['MLFLOW_TRACKING_INSECURE_TLS'] ?? ''),
    certificates: certificatePath ? readCertificates(certificatePath) : undefined,
    timeoutMs: 1000 * number(environment, 'MLFLOW_HTTP_REQUEST_TIMEOUT', DEFAULT_TIMEOUT_S),
    retries: number(environment, 'MLFLOW_HTTP_REQUEST_MAX_RETRIES', DEFAULT_RETRIES),
    backoffMs: BACKOFF_MS,
  };
}

function parseUri(text: string): { uri: string; user: string; password: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw unsupported(text, 'is not an address');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw unsupported(text, 'is not a tracking server: SHIELD speaks to MLflow over http and https');
  }
  const { username, password } = url;
  url.username = url.password = url.search = url.hash = '';
  return {
    uri: url.href.replace(/\/+$/, ''),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

function unsupported(uri: string, reason: string): ShieldError {
  const expected = 'start one with: mlflow server, and set MLFLOW_TRACKING_URI to its address';
  return new ShieldError('TRACKING_UNSUPPORTED', { uri: uri.replace(/\/\/[^/]*@/, '//'), reason, expected });
}

function authorization(
  environment: NodeJS.ProcessEnv,
  user: string,
  password: string,
  home: string,
): string | undefined {
  const name = environment['MLFLOW_TRACKING_USERNAME'];
  const secret = environment['MLFLOW_TRACKING_PASSWORD'];
  if (name && secret) return basic(name, secret);
  const token = environment['MLFLOW_TRACKING_TOKEN'];
  if (token) return `Bearer ${token}`;
  if (user) return basic(user, password);
  const stored = storedCredentials(home);
  return stored ? basic(stored.user, stored.password) : undefined;
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The [mlflow] section of MLflow's credentials file. */
function storedCredentials(home: string): { user: string; password: string } | undefined {
  let text: string;
  try {
    text = readFileSync(join(home, '.mlflow', 'credentials'), 'utf8');
  } catch {
    return undefined;
  }
  const section = /^\[mlflow\]\s*$([\s\S]*?)(?=^\[|(?![\s\S]))/m.exec(text)?.[1] ?? '';
  const value = (key: string) => new RegExp(`^\\s*${key}\\s*[=:]\\s*(.*?)\\s*$`, 'm').exec(section)?.[1];
  const [user, password] = [value('mlflow_tracking_username'), value('mlflow_tracking_password')];
  return user && password ? { user, password } : undefined;
}

function readCertificates(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const expected = 'set MLFLOW_TRACKING_SERVER_CERT_PATH to a PEM file that you may read';
    const reason = `cannot be used: its certificates ${path} cannot be read (${reasonOf(error)})`;
    throw new ShieldError('TRACKING_UNSUPPORTED', { uri: 'the tracking server', reason, expected }, { cause: error });
  }
}

function number(environment: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = Number(environment[name] || fallback);
  return Number.isFinite(value) && value >= 0 ? value : fallback;
}
