import { posix } from 'node:path';
import { SaxesParser } from 'saxes';
import type { BoundingBox } from './bounding-boxes.js';

/** ImageNet's are below 20 kB. */
export const MOST_XML_BYTES = 1 << 20;
const DEEPEST = 16;
const MOST_BOXES = 10_000;

const CORNERS = ['xmin', 'ymin', 'xmax', 'ymax'] as const;
const NUMBER = /^\s*-?\d{1,7}(?:\.\d{1,9})?\s*$/;

/**
 * The boxes of an annotation as ImageNet publishes them (PASCAL VOC's XML), each as a share of the image's sides: what
 * TensorFlow's process_bounding_boxes.py makes of it. Corners in the wrong order change places, shares are cut to 0 to 1
 * and have four digits, boxes without an area are left out.
 *
 * The XML is not trusted: a document type (and with it entities of one's own) is refused, as are other depths and sizes.
 *
 * @param path names the image: the text in `filename` is "%s" in some of them
 * @throws Error saying what is wrong
 */
export function boxesOfXml(xml: string, path: string): { name: string; boxes: BoundingBox[] } {
  if (xml.length > MOST_XML_BYTES) throw new Error(`it has ${xml.length} characters`);
  const parser = new SaxesParser({ xmlns: false, position: true });
  const open: string[] = [];
  const size: Partial<Record<string, number>> = {};
  const corners: Record<string, number>[] = [];
  let text = '';
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw new Error('it declares a document type');
  });
  parser.on('opentag', ({ name }) => {
    open.push(name);
    if (open.length > DEEPEST) throw new Error(`its elements stand ${open.length} deep`);
    if (open.join('/') === 'annotation/object/bndbox') corners.push({});
    if (corners.length > MOST_BOXES) throw new Error(`it has more than ${MOST_BOXES} boxes`);
    text = '';
  });
  parser.on('text', (more) => void (text += more));
  parser.on('closetag', ({ name }) => {
    const within = open.slice(0, -1).join('/');
    const place =
      within === 'annotation/size' ? size : within === 'annotation/object/bndbox' ? corners.at(-1) : undefined;
    if (place) {
      if (!NUMBER.test(text)) throw new Error(`"${text.slice(0, 20)}" is no ${name} (line ${parser.line})`);
      place[name] = Number(text);
    }
    open.pop();
    text = '';
  });
  parser.write(xml).close();
  const { width = 0, height = 0 } = size;
  if (!(width > 0 && height > 0)) throw new Error('it says no width and height');
  const boxes = corners.flatMap((box) => {
    const missing = CORNERS.find((corner) => box[corner] === undefined);
    if (missing) throw new Error(`a box has no ${missing}`);
    return scaled(box as Record<(typeof CORNERS)[number], number>, width, height) ?? [];
  });
  return { name: `${posix.basename(path, '.xml')}.JPEG`, boxes };
}

function scaled(box: Record<(typeof CORNERS)[number], number>, width: number, height: number): BoundingBox | undefined {
  const share = (value: number, side: number) => Number(Math.min(Math.max(value / side, 0), 1).toFixed(4));
  const [xmin, xmax] = [Math.min(box.xmin, box.xmax), Math.max(box.xmin, box.xmax)].map((x) => share(x, width));
  const [ymin, ymax] = [Math.min(box.ymin, box.ymax), Math.max(box.ymin, box.ymax)].map((y) => share(y, height));
  return xmin! < xmax! && ymin! < ymax! ? { xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! } : undefined;
}
