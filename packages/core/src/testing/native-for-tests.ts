import { setupNative } from '../backend/native/setup.js';
import { reasonOf } from '../errors/index.js';

/**
 * Whether tests can use the native backend; prepares it on a machine that has pip, a compiler and a network. Where it
 * cannot be had, the reason is printed and tests that want it are skipped.
 */
export async function nativeForTests(): Promise<boolean> {
  try {
    await setupNative({ gpu: false, log: (message) => console.info(message) });
    return true;
  } catch (error) {
    console.warn(`tests of the native backend are skipped: ${reasonOf(error)}`);
    return false;
  }
}
