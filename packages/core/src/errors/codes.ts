/**
 * Every error that a user can meet: what happened, how to mend it, and the exit code that `shield` leaves with
 * (2: the spec or command line is wrong and nothing ran; 1: the run failed). `{name}` is filled from the error's
 * parameters. docs/errors.md is generated from this table and a test holds the two together.
 */
export interface ErrorCode {
  readonly message: string;
  readonly fix: string;
  readonly exit: 1 | 2;
}

const code = (exit: 1 | 2, message: string, fix: string): ErrorCode => ({ exit, message, fix });

export const ERROR_CODES = {
  // --- the spec and the command line ---
  SPEC_NOT_FOUND: code(2, 'no spec at {path}', 'give the path of a YAML spec, for example configs/smoke.yaml{hint}'),
  SPEC_UNREADABLE: code(2, 'the spec cannot be read: {reason}', 'check that the file exists and that you may read it'),
  SPEC_SYNTAX: code(2, 'not valid YAML: {reason}', 'mend the line that is named'),
  SPEC_UNKNOWN_KEY: code(2, 'unknown key "{key}"{hint}', 'known keys here: {known}'),
  SPEC_INVALID_VALUE: code(2, '{key} {reason}', '{expected}'),
  SPEC_MISSING_KEY: code(2, '"{key}" is missing{where}', '{expected}'),
  SPEC_DEFAULTS_NOT_FOUND: code(2, 'no config "{name}" to compose{hint}', 'known in that group: {known}'),
  SPEC_DEFAULTS_CYCLE: code(2, 'the defaults go round in a circle: {cycle}', 'remove one of them'),
  SPEC_INTERPOLATION: code(2, 'cannot resolve {expression}: {reason}', 'name a key that stands in the spec'),
  OVERRIDE_SYNTAX: code(
    2,
    'cannot read the override "{text}": {reason}',
    'write key=value, +key=value for a new key, ~key to remove one',
  ),
  OVERRIDE_UNKNOWN_KEY: code(
    2,
    'the override "{text}" names a key that does not exist{hint}',
    'write +{key}=… if the key is to be added',
  ),
  CLI_USAGE: code(2, '{reason}', 'shield --help lists the commands and their options'),
  DOCS_OUTDATED: code(1, 'pages that are made of the code are not up to date: {pages}', 'run npm run docs'),
  // --- sweeps ---
  SWEEP_INVALID: code(2, 'sweep: {key} {reason}', '{expected}'),
  SWEEP_EMPTY: code(2, 'the sweep is empty: {reason}', '{expected}'),
  SWEEP_UNKNOWN_KEY: code(2, 'sweep: the key "{key}" {reason}{hint}', 'known: {known}'),
  SWEEP_UNKNOWN_METRIC: code(
    2,
    'sweep.metric: no cell has a metric {metric}{hint}',
    'write one such as clean/top1, attacked/ATTACK/rounded/top1, defended/ATTACK/DEFENSE/top1 or attack/ATTACK/success',
  ),
  SWEEP_TOO_LARGE: code(
    2,
    'the sweep has {cells} cells',
    'if all of them are meant, say --yes; with --dry-run beside it, it tells what they cost',
  ),
  SWEEP_NO_MEMORY: code(
    2,
    'a sweep of {cells} cells does not fit into memory: it takes about {needed} GB, and this process has {room} GB',
    'sweep a part of them at a time, {more}',
  ),
  SWEEP_EQUAL_CELLS: code(
    2,
    'the cells {first} and {second} resolve to the same spec',
    'leave out one of them: {expected}',
  ),
  SWEEP_CELLS_INVALID: code(
    2,
    'not valid: {count} of the {cells} cells of the sweep, the first one {first}',
    'mend what follows; nothing was run',
  ),
  SWEEP_FAILED: code(
    1,
    '{count} of the {cells} cells of the sweep failed{left}',
    'once mended, run just those again: {command}',
  ),
  WORKER_LOST: code(
    1,
    'the worker {worker} was lost: {reason}',
    'the same command goes on from the last finished batch; a worker that dies again and again may want more memory',
  ),
  EXECUTOR_UNUSABLE: code(2, 'the executor {name} cannot be used: {reason}', '{expected}'),
  EXECUTOR_REFUSED: code(2, 'the executor {name} is refused: {reason}', '{expected}'),
  EXECUTOR_UNREACHABLE: code(1, 'the executor {name} cannot be reached: {reason}', '{expected}'),
  WORKER_DIFFERS: code(
    1,
    'this worker would carry out cell {cell} with other code ({found}) than the sweep was planned with ({expected})',
    'run the same version of SHIELD and of the plugins on all machines',
  ),
  OUT_OF_MEMORY: code(
    1,
    'there was not enough memory: {reason}',
    'lower batch, or give it a machine with more; a sweep tries once more with half the batch',
  ),
  // --- plugins ---
  PLUGIN_UNKNOWN: code(2, 'no {kind} is named "{name}"{hint}', 'known: {known}'),
  PLUGIN_DUPLICATE: code(
    2,
    'two {kind} plugins are named "{name}" ({first}; {second})',
    'rename one of them, or load only one',
  ),
  PLUGIN_LOAD_FAILED: code(2, 'the plugin {path} cannot be loaded: {reason}', '{expected}'),
  PLUGIN_INVALID: code(
    2,
    'the plugin {path} is not valid: {reason}',
    'export what defineAttack, defineDefense, defineModel or defineDataset (defineTracker, defineExecutor) returns',
  ),
  // --- data ---
  DATASET_EMPTY: code(1, 'the dataset {name} gives no images ({reason})', 'check path, skip and limit'),
  DATASET_MISSING: code(1, 'the dataset {name} is not there: {path}', '{expected}'),
  DATASET_INVALID: code(1, 'the dataset {name} cannot be used: {reason}', '{expected}'),
  IMAGE_CORRUPT: code(
    1,
    'the image {id} cannot be read: {reason}',
    'replace or remove {path}, or set dataset.on_corrupt: skip to leave such images out (they are counted and named)',
  ),
  LABEL_OUT_OF_RANGE: code(
    1,
    'the label {label} of {id} is outside 0…{max}',
    'check that the model has the classes of the dataset, label_offset, and dataset.classes, which numbers folders and words',
  ),
  RECORD_CORRUPT: code(
    1,
    '{path}: {reason} at byte {offset}',
    'make the file again; what stood before the fault was read',
  ),
  ARCHIVE_CORRUPT: code(
    1,
    '{path}: {reason} at byte {offset}',
    'fetch the archive again, or compare it with the published checksum; what was made before stands',
  ),
  // --- provisioning and exporting data ---
  PROVISION_UNKNOWN: code(2, 'shield does not make the data of "{name}"{hint}', 'it makes: {known}'),
  PROVISION_NOTHING: code(1, '{path} has nothing to make TFRecords of: {reason}', '{expected}'),
  PROVISION_INCOMPLETE: code(
    1,
    'the {split} images are {found}, and {expected} were published',
    'check the download; if fewer are meant, say --subset',
  ),
  PROVISION_DIFFERS: code(
    1,
    '{path} holds TFRecords of something else: {reason}',
    'nothing was changed. Name another --output, or remove that folder',
  ),
  PROVISION_BUSY: code(1, '{path} is in use by process {pid} on {host}', 'wait for it, or stop it'),
  PROVISION_FAILED: code(
    1,
    'the shard {shard} could not be made: {reason}',
    'the shards that are done stand; the same command goes on with the others',
  ),
  EXPORT_IMPOSSIBLE: code(1, '{what} cannot be exported: {reason}', '{expected}'),
  IMAGE_RANGE: code(1, 'the images given to {name} leave [0, 1]: {reason}', 'divide 8-bit pixels by 255 first'),
  // --- downloads and caches ---
  CHECKSUM_MISMATCH: code(
    1,
    '{name} has sha256 {actual}, not {expected}',
    'the download was damaged or the file replaced; it was not kept. Run again, or check your mirror',
  ),
  DOWNLOAD_FAILED: code(1, '{name} could not be downloaded: {reason}', '{expected}'),
  CACHE_NOT_WRITABLE: code(
    1,
    'the cache {path} cannot be written: {reason}',
    'set SHIELD_CACHE to a folder that you may write and that has room',
  ),
  WEIGHTS_NOT_PUBLISHED: code(
    2,
    'there are no published weights of "{name}"{hint}',
    'published: {known}; other weights are named by their path: weights: PATH',
  ),
  WEIGHTS_INVALID: code(1, 'the weights {path} cannot be used: {reason}', '{expected}'),
  // --- backends ---
  BACKEND_UNAVAILABLE: code(1, 'the backend {name} cannot be used: {reason}', '{expected}'),
  SETUP_FAILED: code(1, 'the native backend could not be prepared: {reason}', '{expected}'),
  MODEL_NAN: code(
    1,
    'the model gave no usable numbers: {reason}',
    'check the weights, and that its input is in [0, 1]',
  ),
  MODEL_NO_GRADIENT: code(
    1,
    '{path} has no gradient: {reason}',
    'attack it without gradients (square, hop_skip_jump), or convert the network without that op',
  ),
  PYTHON_MODEL: code(1, '{where}: {reason}', '{expected}'),
  MODEL_SERVER: code(1, 'the model at {url} cannot be asked: {reason}', '{expected}'),
  CLASSES_DIFFER: code(
    1,
    '{model} knows {classes} classes and {other} {otherClasses}',
    'choose models that were trained on the same classes',
  ),
  CLASS_NAMES_DIFFER: code(
    1,
    '{model} and {other} were trained on other classes: class {class} is {name} and {otherName}',
    'choose models that were trained on the same classes, in the same order',
  ),
  // --- runs ---
  ADAPTIVE_NO_GRADIENT: code(
    1,
    'no gradient reaches an image of {attack} through the defense {defense}',
    'set threat.adaptive.gradient: straight-through, or mend the gradient that the defense brings',
  ),
  ATTACK_FAILED: code(1, 'the attack {name} failed: {reason}', '{expected}'),
  DEFENSE_FAILED: code(1, 'the defense {name} failed on {id}: {reason}', '{expected}'),
  ARTIFACT_MISSING: code(
    1,
    'the {stage} stage needs what {needed} leaves, and it is not there',
    'run: shield run {spec} --perform {needed}',
  ),
  ARTIFACT_CORRUPT: code(1, 'the artifact {path} is damaged: {reason}', 'remove that folder; it is computed again'),
  RUN_NOT_FOUND: code(2, 'no run "{id}" in {folder}{hint}', 'shield runs lists them'),
  RUN_NOT_RESUMABLE: code(1, 'the run {id} cannot be resumed: {reason}', '{expected}'),
  RUN_WITHOUT_WEIGHTS: code(2, 'the run {id} left no trained weights: {reason}', '{expected}'),
  RUN_LOCKED: code(
    1,
    'the run {id} is in use by process {pid} on {host}',
    'wait for it (shield watch follows a sweep), or stop it',
  ),
  RUN_FORMAT: code(
    1,
    '{path} has {found}; this version of SHIELD reads format {reads}',
    'nothing was changed; use the version of SHIELD that made the run, or put the file back as it was written',
  ),
  JOURNAL_CORRUPT: code(
    1,
    '{path}: {reason} at line {line}',
    'the lines before it are sound; the run can be resumed from them',
  ),
  DISK_FULL: code(
    1,
    'no space left while writing {path}',
    'free some space, then shield resume {run}; what was written before stands',
  ),
  WRITE_FAILED: code(
    1,
    '{path} cannot be written: {reason}',
    'check the folder and your rights; set SHIELD_RUNS for another place',
  ),
  TRAINING_IMPOSSIBLE: code(
    2,
    'nothing can be trained: {reason}',
    'choose a model with trainable weights (shield plugins), and a dataset larger than train.validation',
  ),
  TRAINING_DIVERGED: code(
    1,
    'the loss became {value} at step {step}',
    'lower train.learning_rate, or raise train.warmup; {kept}',
  ),
  TRACKING_NOT_CONFIGURED: code(
    2,
    'no MLflow server is named',
    'set MLFLOW_TRACKING_URI, or tracking: { mlflow: { uri: … } } in the spec; pip install mlflow brings a server',
  ),
  TRACKING_UNREACHABLE: code(
    1,
    'the MLflow server {uri} cannot be reached: {reason}',
    'nothing is lost: shield sync sends what is missing when it is back',
  ),
  TRACKING_REFUSED: code(1, 'the MLflow server {uri} refused {what}: {reason}', '{expected}'),
  TRACKING_UNSUPPORTED: code(1, '{uri} {reason}', '{expected}'),
  INTERNAL: code(1, '{reason}', 'this is a fault of the program: please report it with the file {log}'),
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof ERROR_CODES;
