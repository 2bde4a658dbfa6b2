import { Random, type Assets, type Dataset, type DatasetItem, type LoadContext } from '@shield/core';

/** A load context over the real file system; `said` and `opened` hold what was logged and named. */
export function loadContext(assets?: Assets): LoadContext & { readonly said: string[]; readonly read: string[] } {
  const said: string[] = [];
  const read: string[] = [];
  const none = () => Promise.reject(new Error('this test has no assets'));
  return {
    said,
    read,
    assets: assets ?? { file: none, files: none },
    resolvePath: (path) => path,
    random: (...name) => new Random(7, ...name),
    signal: new AbortController().signal,
    log: (message) => void said.push(message),
    warn: (message) => void said.push(message),
    opened: (path) => void read.push(path),
  };
}

/** All items of a dataset. */
export async function itemsOf(dataset: Dataset): Promise<DatasetItem[]> {
  const items: DatasetItem[] = [];
  for await (const item of dataset.items()) items.push(item);
  return items;
}
