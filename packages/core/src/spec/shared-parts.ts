import { keepCanonical } from './canonical.js';
import { isMapping } from './plugin-places.js';
import type { ResolvedSpec } from './resolved-spec.js';

/** Mappings of names, each of which stands for a part of its own. */
const NAMED: ReadonlySet<string> = new Set(['attacks', 'defenses']);

/**
 * Parts of resolved specs that are equal are one and the same object: the cells of a sweep differ in few of them, and
 * what is reckoned of a part (its canonical JSON, its key) is then reckoned once.
 */
export class SharedParts {
  readonly #known = new Map<string, object>();
  readonly #parts = new WeakSet<object>();

  /** @returns an equal spec, frozen like the one that is given */
  in(spec: ResolvedSpec): ResolvedSpec {
    const parts = Object.entries(spec).map(([key, part]: [string, unknown]) => [
      key,
      NAMED.has(key) && isMapping(part) ? this.#named(part) : this.#shared(part),
    ]);
    return Object.freeze(Object.fromEntries(parts)) as ResolvedSpec;
  }

  #named(part: Readonly<Record<string, unknown>>): unknown {
    const members = Object.entries(part).map(([name, member]) => [name, this.#shared(member)]);
    return Object.freeze(Object.fromEntries(members));
  }

  #shared(part: unknown): unknown {
    if (typeof part !== 'object' || part === null || this.#parts.has(part)) return part;
    const text = JSON.stringify(part);
    const known = this.#known.get(text);
    if (known) return known;
    this.#known.set(text, part);
    this.#parts.add(part);
    keepCanonical(part);
    return part;
  }
}
