/*
 * What a run keeps of the environment and the command line is meant to be shared: credentials stay out. Better one
 * value too many left out than one password published.
 */
const SECRET_NAME = /token|secret|passw|credential|api_?key|access_?key|private|auth|cookie|session/i;
const LEFT_OUT = '[left out]';
/** Files that hold credentials by custom. */
const SECRET_FILE =
  /^(\.env(\..*)?|\.netrc|_netrc|\.npmrc|\.yarnrc.*|\.pypirc|\.pgpass|\.htpasswd|id_(rsa|dsa|ecdsa|ed25519).*|.*\.(pem|key|p12|pfx|jks|kdbx)|(credential|secret|password|token)s?(\..*)?)$/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----/;

/** A value without user and password in the addresses it holds, and without secrets in their queries. */
export function withoutCredentials(value: string): string {
  return value
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/?#\s'"]*@/gi, `$1${LEFT_OUT}@`)
    .replaceAll(/([?&;]([^=&\s]+)=)[^&\s'"]+/g, (whole, start: string, name: string) =>
      SECRET_NAME.test(name) ? `${start}${LEFT_OUT}` : whole,
    );
}

/** A command line as a run may keep it: values of options and keys that sound like secrets are left out. */
export function withoutSecrets(argv: readonly string[]): readonly string[] {
  return argv.map((word, i) => {
    const before = argv[i - 1];
    if (before !== undefined && /^--?[\w-]+$/.test(before) && SECRET_NAME.test(before) && !word.startsWith('-'))
      return LEFT_OUT;
    const pair = /^([+~]{0,2}[\w.-]+=)(.*)$/s.exec(word);
    if (pair && SECRET_NAME.test(pair[1]!)) return `${pair[1]}${LEFT_OUT}`;
    return withoutCredentials(word);
  });
}

/** Whether a file is better not copied. @param path with `/` between folders */
export function mayHoldSecrets(path: string, text: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return SECRET_FILE.test(name) || PRIVATE_KEY.test(text);
}

/** Variables that can change a result or say where it went. */
const KEPT = /^(?:SHIELD_|TF_|TFJS_|OMP_|KMP_|MKL_|OPENBLAS_|XLA_|SLURM_JOB_ID$|SLURM_ARRAY_TASK_ID$)/;
const KEPT_WHOLE: ReadonlySet<string> = new Set([
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_TF32_OVERRIDE',
  'MLFLOW_TRACKING_URI',
  'MLFLOW_EXPERIMENT_NAME',
  'MLFLOW_EXPERIMENT_ID',
  'NODE_OPTIONS',
  'NODE_ENV',
  'UV_THREADPOOL_SIZE',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
  'MALLOC_ARENA_MAX',
  'LANG',
  'LC_ALL',
  'TZ',
]);

/** The variables of the allow-list, sorted by name, without secrets. */
export function keptEnvironment(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const kept = Object.entries(environment).flatMap(([name, value]): [string, string][] => {
    if (value === undefined || !(KEPT.test(name) || KEPT_WHOLE.has(name))) return [];
    return [[name, SECRET_NAME.test(name) ? LEFT_OUT : withoutCredentials(value)]];
  });
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}
