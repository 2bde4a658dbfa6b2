import { graphFault } from './graph-fault.js';
import type { GraphNode, Topology } from './topology.js';
import { isRecord } from './weights-manifest.js';

/** At once: more are no network's images but a damaged file. */
const MOST_PIXELS = 2 ** 24;

/** The placeholder that takes images. */
export interface ImageInput {
  readonly name: string;
  /** How many images it takes at once; undefined: any number. */
  readonly batch: number | undefined;
  readonly height: number;
  readonly width: number;
}

/**
 * @param name of the placeholder; empty: the only one
 * @param size that was asked for; 0: what the graph has
 * @throws WEIGHTS_INVALID where it is not one of images as [n, height, width, 3] floats
 */
export function imageInput({ nodes }: Topology, name: string, size: number, path: string): ImageInput {
  const placeholders = [...nodes.values()].filter(({ op }) => op.startsWith('Placeholder'));
  const names = placeholders.map((node) => node.name).join(', ');
  const chosen = name === '' ? placeholders : placeholders.filter((node) => node.name === name);
  if (chosen.length !== 1) {
    const reason = name === '' ? `its graph has ${placeholders.length} inputs` : `its graph has no input "${name}"`;
    throw graphFault(path, reason, `set input to one of: ${names || 'it has none'}`);
  }
  const node = chosen[0]!;
  const { dtype } = node.attributes;
  const type = isRecord(dtype) ? dtype['type'] : undefined;
  if (type !== 'DT_FLOAT' && type !== 1) {
    throw graphFault(path, `its input "${node.name}" takes ${String(type)}, not floats`, 'convert the network with a float32 input'); // prettier-ignore
  }
  const [batch, height, width, channels, ...more] = shapeOf(node) ?? [-1, -1, -1, -1];
  if (width === undefined || channels === undefined || more.length > 0 || ![-1, 3].includes(channels)) {
    const reason = `its input "${node.name}" has shape [${shapeOf(node)!.map((side) => (side < 0 ? '?' : side)).join(', ')}]`; // prettier-ignore
    throw graphFault(path, reason, 'convert the network with images as [n, height, width, 3]');
  }
  const side = (of: number, which: string): number => {
    if (of > 0 && size > 0 && of !== size)
      throw graphFault(path, `its input has a ${which} of ${of} pixels, not ${size}`, `leave size out, or set it to ${of}`); // prettier-ignore
    if (of <= 0 && size === 0)
      throw graphFault(path, `its input may have any ${which}`, 'set size to the height and width that it was trained at, in pixels'); // prettier-ignore
    return of > 0 ? of : size;
  };
  const input = {
    name: node.name,
    batch: batch! > 0 ? batch : undefined,
    height: side(height!, 'height'),
    width: side(width, 'width'),
  };
  if (!((input.batch ?? 1) * input.height * input.width <= MOST_PIXELS)) {
    throw graphFault(path, `its input "${node.name}" has shape [${[batch, height, width, channels].join(', ')}]`, 'convert the network with smaller images, or fewer at once'); // prettier-ignore
  }
  return input;
}

/** −1: any; undefined: any shape. */
function shapeOf({ attributes: { shape } }: GraphNode): number[] | undefined {
  const inner = isRecord(shape) ? shape['shape'] : undefined;
  if (!isRecord(inner) || inner['unknownRank'] === true || !Array.isArray(inner['dim'])) return undefined;
  return inner['dim'].map((dim: unknown) => (isRecord(dim) ? Number(dim['size'] ?? 0) : -1));
}
