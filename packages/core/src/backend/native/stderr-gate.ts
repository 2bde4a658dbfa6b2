import { createRequire } from 'node:module';

/** Name of the compiled gate in the installation's folder. */
export const GATE = 'stderr_gate.node';

/**
 * TensorFlow's libraries write notices to standard error while they are being loaded, before any setting can stop
 * them. This small addon, compiled beside tfjs-node's, points file descriptor 2 at /dev/null for that moment.
 */
export const GATE_SOURCE = `
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

static int kept = -1;

static napi_value Close(napi_env, napi_callback_info) {
  if (kept >= 0) return nullptr;
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return nullptr;
  kept = fcntl(2, F_DUPFD_CLOEXEC, 3);
  if (kept >= 0) dup2(nowhere, 2);
  close(nowhere);
  return nullptr;
}

static napi_value Open(napi_env, napi_callback_info) {
  if (kept < 0) return nullptr;
  dup2(kept, 2);
  close(kept);
  kept = -1;
  return nullptr;
}

static napi_value Init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"close", nullptr, Close, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"open", nullptr, Open, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, 2, functions);
  return exports;
}

NAPI_MODULE(stderr_gate, Init)
`;

interface Gate {
  close(): void;
  open(): void;
}

/** Runs `load` with standard error closed, unless TF_CPP_MIN_LOG_LEVEL=0 asks for everything. */
export function loadQuietly<T>(gatePath: string, load: () => T): T {
  if (process.env['TF_CPP_MIN_LOG_LEVEL'] === '0') return load();
  const gate = createRequire(import.meta.url)(gatePath) as Gate;
  gate.close();
  try {
    return load();
  } finally {
    gate.open();
  }
}
