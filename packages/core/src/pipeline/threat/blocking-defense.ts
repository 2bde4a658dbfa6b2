import { createSyncFn } from 'synckit';
import { builtFile } from '../../files/built-file.js';
import type { Image } from '../../plugin/contracts.js';
import type { DefensePlugin } from '../../plugin/index.js';
import { Random } from '../../random/random.js';
import type { Chosen } from '../context.js';
import type { RandomName } from '../defenses.js';
import type { DefenseWork } from './defense-worker.js';

/** Plugins that answered with a promise once: they go to the worker at once from then on. */
const waiting = new WeakSet<DefensePlugin>();
let worker: ((work: DefenseWork) => Image) | undefined;

/**
 * What a defense makes of an image, without giving the thread away: gradients cannot wait for promises. A defense
 * that works in the background (a codec of the image library) does so in a worker, for which this thread stops.
 *
 * @param name of the stream of random numbers
 */
export function applyBlocking({ plugin, options }: Chosen<DefensePlugin>, image: Image, name: RandomName) {
  if (!waiting.has(plugin)) {
    const result = plugin.apply(image, options, new Random(...name));
    if (!(result instanceof Promise)) return result;
    result.catch(() => undefined);
    waiting.add(plugin);
  }
  if (plugin.sourceFile === undefined) throw new Error('it works in the background, and its file is not known');
  worker ??= createSyncFn<(work: DefenseWork) => Promise<Image>>(
    builtFile(new URL('./defense-worker.js', import.meta.url)),
  );
  // A copy by itself: with a view goes all of the memory that it is a part of.
  const own = { ...image, data: image.data.slice() };
  return worker({ file: plugin.sourceFile, name: plugin.name, options, image: own, random: name });
}
