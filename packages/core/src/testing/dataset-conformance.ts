import assert from 'node:assert/strict';
import type { Dataset, DatasetItem, Image, LoadContext } from '../plugin/contracts.js';
import type { DatasetPlugin } from '../plugin/define.js';
import { Random } from '../random/random.js';
import { completeOptions, describedCases, type ConformanceCase, type OptionValues } from './conformance-case.js';

export interface DatasetConformanceOptions {
  /** Options that every case starts from, over the plugin's defaults: at least three images, of two classes or more. */
  readonly options?: OptionValues;
  /** What the plugin is given to load things with, over what a run in the working directory would give. */
  readonly context?: Partial<LoadContext>;
}

/** Images of a data set that are decoded by a case. */
const LOOKED_AT = 4;

/** What every data set must hold to, as cases for any test runner; use it as {@link attackConformance}. */
export function datasetConformance(
  plugin: DatasetPlugin,
  { options = {}, context = {} }: DatasetConformanceOptions = {},
): ConformanceCase[] {
  const open = (more: OptionValues = {}, seed = 0): Promise<Dataset> =>
    plugin.open(completeOptions(plugin, { ...options, ...more }), contextOf(context, seed));
  const listed = async (more: OptionValues = {}, seed = 0) => namesOf(await itemsOf(await open(more, seed)));
  return [
    ...describedCases(plugin, options),
    {
      name: 'lists its images in one order, whoever asks and how often, each under an id of its own',
      run: async () => {
        const dataset = await open();
        const items = await itemsOf(dataset);
        assert.ok(items.length >= 3, `this suite needs three images, and was given ${items.length}`);
        assert.equal(new Set(items.map(({ id }) => id)).size, items.length, 'two images have one id');
        for (const { id, label, path } of items) {
          assert.ok(id !== '' && path !== '', 'an image has no id, or says of no place that it comes from there');
          assert.ok(Number.isInteger(label) && label >= 0, `the label of ${id} is ${label}`);
          assert.ok(!dataset.classNames || label < dataset.classNames.length, `${id}: class ${label} has no name`);
        }
        if (dataset.size !== undefined) assert.equal(items.length, dataset.size, 'size');
        assert.deepEqual(namesOf(await itemsOf(dataset)), namesOf(items), 'asked again, it lists others');
        assert.deepEqual(await listed(), namesOf(items), 'opened again, it lists others');
      },
    },
    {
      name: 'gives RGB images, the same ones when they are loaded again, in any order',
      run: async () => {
        const items = (await itemsOf(await open())).slice(0, LOOKED_AT);
        const images = await Promise.all(items.map((item) => item.load()));
        images.forEach((image, i) => checkImage(image, items[i]!.id));
        for (let i = items.length - 1; i >= 0; i--)
          assert.ok(same(await items[i]!.load(), images[i]!), `${items[i]!.id} came out otherwise`);
        const again = (await itemsOf(await open())).slice(0, LOOKED_AT);
        for (const [i, item] of again.entries())
          assert.ok(same(await item.load(), images[i]!), `${item.id}, opened again, came out otherwise`);
      },
    },
    {
      name: 'its fingerprint is the same for the same images, and another for others',
      run: async () => {
        const dataset = await open();
        const whole = await dataset.fingerprint();
        assert.match(whole, /\S/, 'the fingerprint must say something');
        assert.equal(await dataset.fingerprint(), whole, 'asked again');
        assert.equal(await (await open()).fingerprint(), whole, 'opened again');
        const { length } = await itemsOf(dataset);
        for (const fewer of [{ limit: length - 1 }, { skip: 1 }])
          assert.notEqual(await (await open(fewer)).fingerprint(), whole, `with ${JSON.stringify(fewer)}`);
      },
    },
    {
      name: 'heeds what all data sets take: limit, skip, only_ids, only_classes, shuffle',
      run: async () => {
        const all = await listed();
        assert.deepEqual(await listed({ limit: 2 }), all.slice(0, 2), 'limit: 2');
        assert.deepEqual(await listed({ skip: 1 }), all.slice(1), 'skip: 1');
        const [last, label] = all.at(-1)!;
        assert.deepEqual(await listed({ only_ids: [last] }), [[last, label]], `only_ids: [${last}]`);
        assert.deepEqual(
          await listed({ only_classes: [label] }),
          all.filter(([, each]) => each === label),
          `only_classes: [${label}]`,
        );
        const orders = await Promise.all([0, 1, 2, 3].map((seed) => listed({ shuffle: true }, seed)));
        for (const order of orders) assert.deepEqual([...order].sort(), [...all].sort(), 'shuffled, they are others');
        assert.deepEqual(await listed({ shuffle: true }), orders[0], 'shuffle depends on more than the seed');
        assert.ok(new Set(orders.map(String)).size > 1, 'four seeds shuffle alike');
        await assert.rejects(() => open({ only_ids: ['no such image'] }), 'an id that it does not have is an error');
      },
    },
    {
      name: 'says of itself that it is unchanged, where it can tell',
      run: async () => {
        const dataset = await open();
        if (dataset.unchanged) assert.equal(await dataset.unchanged(), true);
      },
    },
  ];
}

function contextOf(given: Partial<LoadContext>, seed: number): LoadContext {
  const none = () => Promise.reject(new Error('this suite was given no assets'));
  return {
    assets: { file: none, files: none },
    resolvePath: (path) => path,
    signal: new AbortController().signal,
    log: () => undefined,
    warn: () => undefined,
    opened: () => undefined,
    ...given,
    random: (...name) => new Random(seed, ...name),
  };
}

async function itemsOf(dataset: Dataset): Promise<DatasetItem[]> {
  const items: DatasetItem[] = [];
  for await (const item of dataset.items()) items.push(item);
  return items;
}

function namesOf(items: readonly DatasetItem[]): (readonly [string, number])[] {
  return items.map(({ id, label }) => [id, label] as const);
}

function checkImage({ data, height, width }: Image, id: string): void {
  assert.ok(height > 0 && width > 0, `${id} is ${height}×${width}`);
  assert.equal(data.length, height * width * 3, `${id}: ${data.length} values for ${height}×${width}×3`);
  if (data instanceof Uint8Array) return;
  for (const value of data) assert.ok(value >= 0 && value <= 1, `${id}: a pixel is ${value}, outside [0, 1]`);
}

function same(a: Image, b: Image): boolean {
  const { data } = b;
  return a.height === b.height && a.width === b.width && a.data.every((value, i) => value === data[i]);
}
