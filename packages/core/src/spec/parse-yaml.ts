import {
  LineCounter,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type Scalar as YamlScalar,
} from 'yaml';
import { ShieldError, throwAll, type SourceLocation } from '../errors/index.js';
import type { Entry, MapNode, Scalar, SpecNode } from './tree.js';
import { emptyMap, fromPlain } from './tree.js';

/** The most values one file may hold, aliases counted each time they are used (the "billion laughs" bound). */
const MAX_VALUES = 100_000;
const MAX_DEPTH = 64;

/**
 * Reads a YAML 1.2 file whose top level is a mapping.
 *
 * @throws every SPEC_SYNTAX and SPEC_INVALID_VALUE (numbers that cannot be held) at once
 */
export function parseYamlFile(text: string, file: string): MapNode {
  const plain = plainJson(text);
  if (plain) return fromPlain(plain, { file, line: 1, column: 1 }) as MapNode;
  const node = parseYaml(text, (line, column) => ({ file, line, column }));
  if (node === undefined || (node.kind === 'scalar' && node.value === null))
    return emptyMap({ file, line: 1, column: 1 });
  if (node.kind === 'map') return node;
  const reason = `the top level must be a mapping (key: value), and this is a ${node.kind === 'list' ? 'list' : 'single value'}`;
  throw new ShieldError('SPEC_SYNTAX', { reason }, { where: node.where });
}

/**
 * The mapping in a text that JSON.stringify has written, as the jobs of workers have it: read a hundred times faster
 * than YAML is. Anything else is YAML's to read.
 */
function plainJson(text: string): object | undefined {
  if (!text.startsWith('{"') || text.includes('\n')) return undefined;
  try {
    const value = JSON.parse(text) as object;
    return JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads one YAML value; undefined for an empty text.
 *
 * @throws as {@link parseYamlFile}
 */
export function parseYaml(text: string, at: (line: number, column: number) => SourceLocation): SpecNode | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', logLevel: 'error' });
  const where = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return at(Math.max(line, 1), Math.max(col, 1));
  };
  const faults = [...document.errors, ...document.warnings].map(
    (error) => new ShieldError('SPEC_SYNTAX', { reason: sentence(error.message) }, { where: where(error.pos[0]) }),
  );
  throwAll(faults);
  if (document.contents === null) return undefined;
  return new Reader(document, where).read(document.contents);
}

class Reader {
  readonly #faults: ShieldError[] = [];
  readonly #open = new Set<Node>();
  #values = 0;

  constructor(
    private readonly document: Document,
    private readonly where: (offset: number) => SourceLocation,
  ) {}

  read(root: Node): SpecNode {
    const node = this.#node(root, [], undefined);
    throwAll(this.#faults);
    return node;
  }

  /** @param aliasedAt what an alias stands for is located where the alias stands */
  #node(node: Node | null, path: readonly string[], aliasedAt: SourceLocation | undefined): SpecNode {
    const where = aliasedAt ?? this.where(node?.range?.[0] ?? 0);
    if (++this.#values > MAX_VALUES) this.#stop('the file holds too many values (aliases within aliases?)', where);
    if (path.length > MAX_DEPTH) this.#stop('the values are nested too deeply', where);
    if (node === null) return { kind: 'scalar', value: null, where };
    if (isAlias(node)) {
      const target = node.resolve(this.document);
      if (!target) return this.#stop(`the alias *${node.source} has no anchor before it`, where);
      return this.#node(target, path, where);
    }
    if (isScalar(node)) return { kind: 'scalar', value: this.#scalar(node, path, where), where };
    if (this.#open.has(node)) this.#stop('an alias stands within what it is an alias of', where);
    this.#open.add(node);
    try {
      if (isSeq(node)) {
        const items = node.items.map((item, i) => this.#node(item as Node, [...path, String(i)], aliasedAt));
        return { kind: 'list', items, where };
      }
      if (isMap(node)) return { kind: 'map', entries: this.#entries(node.items, path, aliasedAt), where };
    } finally {
      this.#open.delete(node);
    }
    return this.#stop('this kind of value is not used in specs', where);
  }

  #entries(pairs: readonly Pair[], path: readonly string[], aliasedAt: SourceLocation | undefined): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    const merged: Entry[] = [];
    for (const { key, value } of pairs) {
      const keyNode = isAlias(key) ? key.resolve(this.document) : key;
      const keyWhere = aliasedAt ?? this.where((key as Node | null)?.range?.[0] ?? 0);
      if (!isScalar(keyNode)) {
        this.#faults.push(
          new ShieldError('SPEC_SYNTAX', { reason: 'a key must be a plain word' }, { where: keyWhere }),
        );
        continue;
      }
      // `2: x` and `x: y` alike: a key is the text that stands there.
      const name = keyNode.value === null ? '' : (keyNode.source ?? JSON.stringify(keyNode.value));
      const entry = { node: this.#node(value as Node | null, [...path, name], aliasedAt), keyWhere };
      if (name === '<<' && keyNode.type === 'PLAIN') merged.push(entry);
      else entries.set(name, entry);
    }
    for (const { node, keyWhere } of merged) this.#mergeKey(entries, node, keyWhere);
    return entries;
  }

  /** `<<: *base` and `<<: [*a, *b]`: what stands already wins. */
  #mergeKey(entries: Map<string, Entry>, node: SpecNode, where: SourceLocation): void {
    for (const source of node.kind === 'list' ? node.items : [node]) {
      if (source.kind !== 'map') {
        this.#faults.push(
          new ShieldError('SPEC_SYNTAX', { reason: '<< takes a mapping, or a list of them' }, { where }),
        );
        continue;
      }
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    }
  }

  #scalar(node: YamlScalar, path: readonly string[], where: SourceLocation): Scalar {
    const { value, source = '' } = node;
    if (typeof value === 'number' && !isHeldExactly(value, source)) {
      const reason = Number.isFinite(value)
        ? `cannot be held exactly (it is ${source})`
        : `must be a finite number (it is ${source})`;
      const key = path.length > 0 ? path.join('.') : 'the value';
      this.#faults.push(
        new ShieldError(
          'SPEC_INVALID_VALUE',
          { key, reason, expected: 'write a number within ±9007199254740991, or text in quotes' },
          { where },
        ),
      );
      return 0;
    }
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as Scalar;
    return this.#stop('this kind of value is not used in specs', where);
  }

  #stop(reason: string, where: SourceLocation): never {
    throw new ShieldError('SPEC_SYNTAX', { reason }, { where });
  }
}

/** Whether the whole number that stands there is the one that is held (or JavaScript's own way of writing that). */
function isHeldExactly(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  const digits = source.replace(/^\+/, '');
  if (!/^-?\d+$/.test(digits) && !/^0[xo]/.test(digits)) return true;
  return digits === String(value) || BigInt(digits) === BigInt(value);
}

function sentence(message: string): string {
  return message.split('\n', 1)[0]!.replace(/[.:]$/, '');
}
