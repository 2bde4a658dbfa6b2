import type { Plane } from './plane.js';
import type { JpegFile } from './read-jpeg.js';
import { yccToRgb } from './to-rgb.js';
import { upsample } from './upsample.js';

/** What a file's components are. */
export type Colours = 'grey' | 'ycc' | 'rgb' | 'cmyk' | 'ycck';

/** As libjpeg guesses them from the markers of JFIF and Adobe, and from the components' names. */
export function coloursOf({ frame, colours: { jfif, adobe } }: Pick<JpegFile, 'frame' | 'colours'>): Colours {
  switch (frame.components) {
    case 1:
      return 'grey';
    case 3: {
      if (jfif) return 'ycc';
      if (adobe !== undefined) return adobe === 0 ? 'rgb' : 'ycc';
      return frame.parts.map(({ name }) => String.fromCharCode(name)).join('') === 'RGB' ? 'rgb' : 'ycc';
    }
    case 4:
      return adobe === undefined || adobe === 0 ? 'cmyk' : 'ycck';
    default:
      throw new Error(`it has ${frame.components} components`);
  }
}

/** Interleaved RGB of the planes that the components of a file have, each of its own size. */
export function componentsToRgb(file: JpegFile, planes: readonly Plane[]): Uint8Array {
  const { components, frame } = file;
  const down = Math.max(...components.map((component) => component.down));
  const across = Math.max(...components.map((component) => component.across));
  const full = components.map((component, i) => {
    const factors = { down: down / component.down, across: across / component.across };
    return upsample(planes[i]!, frame.height, frame.width, factors);
  });
  return planesToRgb(full, coloursOf(file), file.colours.adobe !== undefined);
}

/**
 * Interleaved RGB of full-size planes. Inks become light as TensorFlow's decode_jpeg has it: what Adobe's marker stands over
 * is stored as light, R = C K / 255, anything else as ink, R = (255 - C)(255 - K) / 255, cut to whole numbers.
 */
function planesToRgb(planes: readonly Plane[], colours: Colours, adobe: boolean): Uint8Array {
  const [first, second, third, black] = planes as [Plane, Plane, Plane, Plane];
  switch (colours) {
    case 'grey':
      return interleaved([first, first, first]);
    case 'ycc':
      return yccToRgb(first, second, third);
    case 'rgb':
      return interleaved([first, second, third]);
    case 'cmyk':
      return inksToRgb(interleaved([first, second, third]), black, adobe);
    case 'ycck':
      return inksToRgb(inverted(yccToRgb(first, second, third)), black, adobe);
  }
}

function interleaved(planes: readonly [Plane, Plane, Plane]): Uint8Array {
  const out = new Uint8Array(3 * planes[0].data.length);
  for (const [channel, { data }] of planes.entries()) {
    for (let i = 0; i < data.length; i++) out[3 * i + channel] = data[i]!;
  }
  return out;
}

/** In place. */
function inverted(samples: Uint8Array): Uint8Array {
  for (let i = 0; i < samples.length; i++) samples[i] = 255 - samples[i]!;
  return samples;
}

/** In place. */
function inksToRgb(inks: Uint8Array, { data: black }: Plane, adobe: boolean): Uint8Array {
  if (!adobe) inverted(inks);
  for (let pixel = 0, i = 0; pixel < black.length; pixel++) {
    const light = adobe ? black[pixel]! : 255 - black[pixel]!;
    // Writing to bytes cuts the fraction off.
    for (let channel = 0; channel < 3; channel++, i++) inks[i] = (inks[i]! * light) / 255;
  }
  return inks;
}
