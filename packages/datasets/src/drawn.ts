import { createHash } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import { chooseItems, defineDataset, Random, type ByteImage } from '@shield/core';
import { FIGURES } from './shapes.js';

/** Samples along each edge of a pixel, so that edges come out smooth. */
const SUPERSAMPLING = 4;
/** Least difference of figure and ground in one of the channels. */
const LEAST_CONTRAST = 0.35;

/**
 * Figures and textures drawn by the project: ten classes in random colours, places, sizes and angles over a shaded
 * ground, with noise. An image depends on seed, split and its number alone, so every part of the set is the same
 * whatever else is drawn, and needs no files.
 */
export default defineDataset({
  name: 'drawn',
  summary: 'ten classes of figures and textures drawn by the project; needs no files and no network',
  options: Type.Object(
    {
      split: Type.Union([Type.Literal('test'), Type.Literal('train')], {
        default: 'test',
        description: 'which images: test and train share none',
      }),
      count: Type.Integer({ minimum: 1, maximum: 1e7, default: 1000, description: 'images in the split' }),
      size: Type.Integer({ minimum: 8, maximum: 1024, default: 32, description: 'height and width, in pixels' }),
      seed: Type.Integer({
        minimum: 0,
        default: 0,
        description: "seed of the drawings; the spec's seed plays no part",
      }),
    },
    { additionalProperties: false },
  ),
  open: async (options, context) => {
    const { split, count, size, seed } = options;
    const indices = Array.from({ length: count }, (_, index) => index);
    const idOf = (index: number) => `${split}-${String(index).padStart(6, '0')}`;
    const names = FIGURES.map((figure) => figure.name);
    const chosen = await chooseItems(indices, options, context, {
      name: 'drawn',
      of: (index) => ({ id: idOf(index), label: index % FIGURES.length }),
      classNumber: (word) => (names.includes(word) ? names.indexOf(word) : undefined),
    });
    const image = (index: number) => draw(index % FIGURES.length, size, new Random('drawn', seed, split, index));
    let fingerprint: string | undefined;
    return {
      size: chosen.length,
      classNames: names,
      unchanged: () => true,
      // One image of each class beside the parameters: a change in how they are drawn changes the name too.
      fingerprint: () => {
        const hash = createHash('sha256').update(JSON.stringify([split, size, seed, chosen]));
        fingerprint ??= hash.update(samples(image)).digest('hex');
        return Promise.resolve(fingerprint);
      },
      async *items() {
        for (const index of chosen) {
          const id = idOf(index);
          yield {
            id,
            label: index % FIGURES.length,
            path: `drawn:${id}`,
            load: () => Promise.resolve(image(index)),
          };
        }
      },
    };
  },
});

/** The pixels of one image of each class. */
function samples(image: (index: number) => ByteImage): Uint8Array {
  return Buffer.concat(FIGURES.map((_, index) => image(index).data));
}

/** One image of the class `label`, [size, size, 3]. */
function draw(label: number, size: number, random: Random): ByteImage {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const contains = FIGURES[label]!.contains;
  const radius = between(0.26, 0.4) * size;
  const centerX = between(0.42, 0.58) * size;
  const centerY = between(0.42, 0.58) * size;
  const angle = between(0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
  const ground = colour(random);
  const figure = contrasting(ground, random);
  const shade = [between(-0.15, 0.15), between(-0.15, 0.15)] as const;
  const noise = between(0.02, 0.06);

  const data = new Uint8Array(size * size * 3);
  for (let y = 0, o = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const share = coverage(
        (px, py) => {
          const [dx, dy] = [px - centerX, py - centerY];
          return contains(cos * dx + sin * dy, cos * dy - sin * dx);
        },
        x,
        y,
      );
      const light = shade[0] * (x / size - 0.5) + shade[1] * (y / size - 0.5);
      for (let c = 0; c < 3; c++) {
        const value = ground[c]! + share * (figure[c]! - ground[c]!) + light + noise * random.normal();
        data[o++] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
  }
  return { data, height: size, width: size };
}

/** The share of pixel (x, y) that the figure covers, in [0, 1]. */
function coverage(contains: (x: number, y: number) => boolean, x: number, y: number): number {
  let inside = 0;
  for (let j = 0; j < SUPERSAMPLING; j++) {
    for (let i = 0; i < SUPERSAMPLING; i++) {
      if (contains(x + (i + 0.5) / SUPERSAMPLING, y + (j + 0.5) / SUPERSAMPLING)) inside++;
    }
  }
  return inside / SUPERSAMPLING ** 2;
}

function colour(random: Random): readonly number[] {
  return [random.uniform(), random.uniform(), random.uniform()];
}

function contrasting(ground: readonly number[], random: Random): readonly number[] {
  for (;;) {
    const candidate = colour(random);
    if (candidate.some((value, c) => Math.abs(value - ground[c]!) >= LEAST_CONTRAST)) return candidate;
  }
}
