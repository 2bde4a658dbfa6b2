import { ShieldError, didYouMean, throwAll } from '../errors/index.js';
import {
  formatPath,
  getIn,
  parsePath,
  type Entry,
  type MapNode,
  type Scalar,
  type ScalarNode,
  type SpecNode,
  type SpecPath,
} from './tree.js';

export interface InterpolationOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What stands at a path that nothing is written at: the default of the schema, or another name of the path. */
  readonly fallback?: (root: MapNode, path: readonly string[]) => SpecNode | undefined;
}

type Part = { readonly text: string } | { readonly expression: string };

/**
 * Fills in `${a.b.c}` (absolute, list indices too) and `${env:NAME}`, `${env:NAME,default}`. A value that is nothing
 * but one expression takes the type of what it names, mappings and lists included; within text the value is written
 * into it. `\${` stands for `${`.
 *
 * @throws every SPEC_INTERPOLATION at once: what is missing, goes round in a circle, or cannot stand in text
 */
export function interpolate(root: MapNode, options: InterpolationOptions): MapNode {
  const interpolation = new Interpolation(root, options);
  const resolved = interpolation.node(root, []);
  throwAll(interpolation.faults);
  return resolved as MapNode;
}

/** As {@link interpolate}, for what stands at one path only. */
export function interpolateAt(root: MapNode, path: SpecPath, options: InterpolationOptions): SpecNode | undefined {
  const written = getIn(root, path);
  if (!written) return undefined;
  const interpolation = new Interpolation(root, options);
  const resolved = interpolation.node(written, path);
  throwAll(interpolation.faults);
  return resolved;
}

/** Splits text into what stands as it is and `${…}` expressions; an expression that does not end is undefined. */
export function splitExpressions(text: string): Part[] | undefined {
  const parts: Part[] = [];
  let plain = '';
  for (let i = 0; i < text.length;) {
    const [found, slashes] = /^(\\*)\$\{/.exec(text.slice(i)) ?? [];
    if (found === undefined) {
      const skipped = text[i] === '\\' ? /^\\+/.exec(text.slice(i))![0] : text[i]!;
      plain += skipped;
      i += skipped.length;
      continue;
    }
    // Before ${ a backslash escapes: \${ is a plain ${, \\${ a backslash and an expression.
    plain += '\\'.repeat(Math.floor(slashes!.length / 2));
    i += found.length;
    if (slashes!.length % 2 === 1) {
      plain += '${';
      continue;
    }
    const end = text.indexOf('}', i);
    if (end < 0) return undefined;
    if (plain !== '') parts.push({ text: plain });
    plain = '';
    parts.push({ expression: text.slice(i, end).trim() });
    i = end + 1;
  }
  if (plain !== '') parts.push({ text: plain });
  return parts;
}

/** Text that {@link interpolate} gives back as it was. */
export function escapeExpressions(text: string): string {
  return text.replace(/(\\*)\$\{/g, (_, slashes: string) => `${slashes}${slashes}\\\${`);
}

class Interpolation {
  readonly faults: ShieldError[] = [];
  readonly #done = new Map<string, SpecNode>();
  readonly #open: string[] = [];

  constructor(
    private readonly root: MapNode,
    private readonly options: InterpolationOptions,
  ) {}

  node(node: SpecNode, path: SpecPath): SpecNode {
    if (node.kind === 'map') return this.#map(node, path);
    if (node.kind === 'list') {
      const items = node.items.map((item, i) => this.node(item, [...path, i]));
      return items.every((item, i) => item === node.items[i]) ? node : { ...node, items };
    }
    if (typeof node.value !== 'string' || !node.value.includes('${')) return node;
    const id = formatPath(path);
    const done = this.#done.get(id);
    if (done) return done;
    this.#open.push(id);
    let resolved: SpecNode = { ...node, value: null };
    try {
      resolved = this.#text(node, node.value);
    } catch (error) {
      if (!(error instanceof ShieldError)) throw error;
      this.faults.push(error);
    }
    this.#open.pop();
    this.#done.set(id, resolved);
    return resolved;
  }

  /** The same mapping where nothing in it is an expression: what is known of it still holds. */
  #map(node: MapNode, path: SpecPath): MapNode {
    let entries: Map<string, Entry> | undefined;
    for (const [key, entry] of node.entries) {
      const member = this.node(entry.node, [...path, key]);
      if (member !== entry.node) entries = (entries ?? new Map(node.entries)).set(key, { ...entry, node: member });
    }
    return entries ? { ...node, entries } : node;
  }

  #text(node: ScalarNode, text: string): SpecNode {
    const parts = splitExpressions(text);
    if (!parts) throw fault(text, 'it has no closing }', node);
    const [only] = parts;
    if (parts.length === 1 && only && 'expression' in only) {
      const value = this.#expression(only.expression, node);
      return { ...value, where: node.where };
    }
    const written = parts.map((part) => {
      if ('text' in part) return part.text;
      const value = this.#expression(part.expression, node);
      if (value.kind === 'scalar') return String(value.value);
      throw fault(
        `\${${part.expression}}`,
        `it is a ${value.kind === 'map' ? 'mapping' : 'list'} and cannot stand within text`,
        node,
      );
    });
    return { ...node, value: written.join('') };
  }

  #expression(expression: string, at: ScalarNode): SpecNode {
    const shown = `\${${expression}}`;
    if (expression.startsWith('env:')) return { ...at, value: this.#env(expression.slice(4), shown, at) };
    const path = parsePath(expression);
    if (!path) throw fault(shown, expression === '' ? 'it names nothing' : 'it is neither a.b.c nor env:NAME', at);
    return this.#lookUp(path, shown, at);
  }

  #lookUp(path: readonly string[], shown: string, at: ScalarNode): SpecNode {
    const id = formatPath(path);
    if (this.#open.some((open) => open === id || open.startsWith(`${id}.`))) {
      throw fault(
        shown,
        `it goes round in a circle: ${[...this.#open.slice(this.#open.indexOf(id)), id].join(' → ')}`,
        at,
      );
    }
    const written = getIn(this.root, path);
    if (written) return this.node(written, path);
    const found = this.#throughExpressions(path) ?? this.options.fallback?.(this.root, path);
    if (found) return this.node(found, path);
    throw fault(shown, this.#missing(path), at);
  }

  /** A path that leads through a value which is itself an expression for a mapping. */
  #throughExpressions(path: readonly string[]): SpecNode | undefined {
    for (let length = path.length - 1; length > 0; length--) {
      const above = getIn(this.root, path.slice(0, length));
      if (above === undefined) continue;
      if (above.kind !== 'scalar' || typeof above.value !== 'string' || !above.value.includes('${')) return undefined;
      const id = formatPath(path.slice(0, length));
      if (this.#open.includes(id)) return undefined;
      return getIn(this.node(above, path.slice(0, length)), path.slice(length));
    }
    return undefined;
  }

  #missing(path: readonly string[]): string {
    let length = 0;
    while (getIn(this.root, path.slice(0, length + 1)) !== undefined) length++;
    const above = getIn(this.root, path.slice(0, length));
    const name = path[length]!;
    const hint = above?.kind === 'map' ? didYouMean(name, above.entries.keys()) : '';
    return `there is no "${formatPath(path.slice(0, length + 1))}"${hint}`;
  }

  #env(expression: string, shown: string, at: ScalarNode): Scalar {
    const comma = expression.indexOf(',');
    const name = (comma < 0 ? expression : expression.slice(0, comma)).trim();
    if (!/^[A-Za-z_]\w*$/.test(name)) throw fault(shown, `"${name}" is no name of an environment variable`, at);
    const value = this.options.env[name] ?? (comma < 0 ? undefined : expression.slice(comma + 1).trim());
    if (value === undefined)
      throw fault(shown, `the environment variable ${name} is not set, and no default is given`, at);
    return scalarOf(value);
  }
}

/** Numbers, true and false as YAML 1.2 has them; everything else is text. */
function scalarOf(text: string): Scalar {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)) {
    const value = Number(text);
    const exact = !/^[-+]?\d+$/.test(text) || Number.isSafeInteger(value);
    if (Number.isFinite(value) && exact) return value;
  }
  return text;
}

function fault(expression: string, reason: string, at: ScalarNode): ShieldError {
  return new ShieldError('SPEC_INTERPOLATION', { expression, reason }, { where: at.where });
}
