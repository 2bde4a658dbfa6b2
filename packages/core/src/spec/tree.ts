import type { SourceLocation } from '../errors/index.js';

/*
 * A spec on its way to being resolved: plain data in which every value and every key still knows the place that it
 * was written at, through composition, overrides and interpolation. Trees are never changed, only made anew.
 */

export type Scalar = string | number | boolean | null;
export type SpecPath = readonly (string | number)[];

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: Scalar;
  readonly where: SourceLocation;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly SpecNode[];
  readonly where: SourceLocation;
}

export interface Entry {
  readonly node: SpecNode;
  /** Where the key stands. */
  readonly keyWhere: SourceLocation;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
  readonly where: SourceLocation;
}

export type SpecNode = ScalarNode | ListNode | MapNode;

export const COMMAND_LINE: SourceLocation = { file: 'command line' };

export function emptyMap(where: SourceLocation): MapNode {
  return { kind: 'map', entries: new Map(), where };
}

/** A tree of plain JSON-like data, all of it at one place. */
export function fromPlain(value: unknown, where: SourceLocation): SpecNode {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => fromPlain(item, where)), where };
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    return {
      kind: 'map',
      entries: new Map(entries.map(([key, member]) => [key, { node: fromPlain(member, where), keyWhere: where }])),
      where,
    };
  }
  return { kind: 'scalar', value: value as Scalar, where };
}

/** The data without the places. A key named `__proto__` becomes an ordinary member, so that validation sees it. */
export function toPlain(node: SpecNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toPlain);
  const plain: Record<string, unknown> = {};
  for (const [key, { node: member }] of node.entries) {
    Object.defineProperty(plain, key, { value: toPlain(member), enumerable: true, writable: true, configurable: true });
  }
  return plain;
}

export function child(node: SpecNode | undefined, key: string | number): SpecNode | undefined {
  if (node?.kind === 'map') return node.entries.get(String(key))?.node;
  if (node?.kind === 'list') return node.items[asIndex(key) ?? -1];
  return undefined;
}

export function getIn(node: SpecNode, path: SpecPath): SpecNode | undefined {
  return path.reduce<SpecNode | undefined>(child, node);
}

/**
 * The tree with `value` at `path`; mappings on the way are made where there are none. An index may be one past the end
 * of a list.
 *
 * @throws RangeError where the way leads through a scalar or past the end of a list
 */
export function setIn(node: SpecNode, path: SpecPath, value: SpecNode, keyWhere = value.where): SpecNode {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (node.kind === 'map') {
    const before = node.entries.get(String(key));
    const entry: Entry = {
      node: setIn(before?.node ?? emptyMap(value.where), rest, value, keyWhere),
      keyWhere: before?.keyWhere ?? keyWhere,
    };
    return { ...node, entries: new Map(node.entries).set(String(key), entry) };
  }
  const index = asIndex(key);
  if (node.kind === 'scalar' || index === undefined || index > node.items.length) {
    throw new RangeError(`there is no ${key} here`);
  }
  const items = [...node.items];
  items[index] = setIn(items[index] ?? emptyMap(value.where), rest, value, keyWhere);
  return { ...node, items };
}

/** The tree without what stands at `path`; the same tree where nothing does. */
export function removeIn(node: SpecNode, path: SpecPath): SpecNode {
  const [key, ...rest] = path;
  if (key === undefined || child(node, key) === undefined) return node;
  if (node.kind === 'map') {
    const entries = new Map(node.entries);
    const entry = entries.get(String(key))!;
    if (rest.length === 0) entries.delete(String(key));
    else entries.set(String(key), { ...entry, node: removeIn(entry.node, rest) });
    return { ...node, entries };
  }
  if (node.kind === 'scalar') return node;
  const index = asIndex(key)!;
  const items = [...node.items];
  if (rest.length === 0) items.splice(index, 1);
  else items[index] = removeIn(items[index]!, rest);
  return { ...node, items };
}

/** Where the value at `path` was written; for one that was not (a default), where the nearest thing around it was. */
export function locateValue(root: SpecNode, path: SpecPath): SourceLocation {
  let node = root;
  for (const key of path) {
    const next = child(node, key);
    if (next === undefined) break;
    node = next;
  }
  return node.where;
}

/** Where the key at the end of `path` was written; as {@link locateValue} where it was not. */
export function locateKey(root: SpecNode, path: SpecPath): SourceLocation {
  const parent = getIn(root, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.keyWhere ?? locateValue(root, path);
}

export function asIndex(key: string | number): number | undefined {
  if (typeof key === 'number') return key;
  return /^(0|[1-9]\d{0,8})$/.test(key) ? Number(key) : undefined;
}

/** `attacks.cw_l2.confidence`, as people and overrides write it. */
export function formatPath(path: SpecPath): string {
  return path.join('.');
}

/** Reads `a.b.0` and `a.b[0]`; undefined where that is no path. */
export function parsePath(text: string): string[] | undefined {
  const parts = text.replace(/\[(\d+)\]/g, '.$1').split('.');
  return parts.every((part) => /^[^\s.[\]{}=$]+$/.test(part)) ? parts : undefined;
}
