import { createRequire } from 'node:module';

/** Name of the compiled addon in the installation's folder. */
export const PROCESS_ADDON = 'process.node';

/**
 * A small addon, compiled beside tfjs-node's, for what Node itself cannot do to its process.
 *
 * `closeStderr`, `openStderr`: TensorFlow's libraries write notices to standard error while they are being loaded, before
 * any setting can stop them; file descriptor 2 is /dev/null for that moment.
 *
 * `keepSignalsOut`: oneDNN's matrix product for processors with AVX2 but no AVX-512 (`jit_avx_gemm_f32`) points the stack
 * pointer at a buffer on the heap while it works. A signal that arrives then has its frame written in front of that buffer,
 * over whatever lies there: a window that is made larger, Ctrl-C, a child that ends. So the calling thread takes no signals
 * any more, nor do threads that it starts, TensorFlow's among them; a thread that does nothing else takes them in their place
 * (Node's handlers only write to a pipe). SIGPROF, which V8's profiler sends to the thread that it looks at, comes on a
 * stack of its own.
 */
export const PROCESS_ADDON_SOURCE = `
#include <fcntl.h>
#include <node_api.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int kept = -1;

static napi_value CloseStderr(napi_env, napi_callback_info) {
  if (kept >= 0) return nullptr;
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return nullptr;
  kept = fcntl(2, F_DUPFD_CLOEXEC, 3);
  if (kept >= 0) dup2(nowhere, 2);
  close(nowhere);
  return nullptr;
}

static napi_value OpenStderr(napi_env, napi_callback_info) {
  if (kept < 0) return nullptr;
  dup2(kept, 2);
  close(kept);
  kept = -1;
  return nullptr;
}

static void* TakeSignals(void*) {
  for (;;) pause();
}

static napi_value KeepSignalsOut(napi_env, napi_callback_info) {
  static bool done = false;
  if (done) return nullptr;
  stack_t own = {};
  if (sigaltstack(nullptr, &own) == 0 && (own.ss_flags & SS_DISABLE)) {
    own.ss_flags = 0;
    own.ss_size = 1 << 18;
    own.ss_sp = malloc(own.ss_size);
    if (own.ss_sp) sigaltstack(&own, nullptr);
  }
  pthread_t taker;
  if (pthread_create(&taker, nullptr, TakeSignals, nullptr) != 0) return nullptr;
  pthread_detach(taker);
  sigset_t kept_out;
  sigfillset(&kept_out);
  // What a thread's own faults raise, and what is sent to one thread on purpose.
  const int taken[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
  for (int signal : taken) sigdelset(&kept_out, signal);
  done = pthread_sigmask(SIG_BLOCK, &kept_out, nullptr) == 0;
  return nullptr;
}

static napi_value Init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"closeStderr", nullptr, CloseStderr, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"openStderr", nullptr, OpenStderr, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"keepSignalsOut", nullptr, KeepSignalsOut, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, 3, functions);
  return exports;
}

NAPI_MODULE(process, Init)
`;

interface ProcessAddon {
  closeStderr(): void;
  openStderr(): void;
  keepSignalsOut(): void;
}

/**
 * Runs `load`, which loads TensorFlow, in a process that is ready for it: signals are kept out of its computing from here
 * on, and standard error is closed meanwhile unless TF_CPP_MIN_LOG_LEVEL=0 asks for everything.
 */
export function loadSheltered<T>(addonPath: string, load: () => T): T {
  const addon = createRequire(import.meta.url)(addonPath) as ProcessAddon;
  addon.keepSignalsOut();
  if (process.env['TF_CPP_MIN_LOG_LEVEL'] === '0') return load();
  addon.closeStderr();
  try {
    return load();
  } finally {
    addon.openStderr();
  }
}
