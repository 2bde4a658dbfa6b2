import { ShieldError } from '../errors/index.js';
import { fullOptionsSchema } from '../plugin/common-options.js';
import type { PluginKind } from '../plugin/contracts.js';
import type { Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { kindAt } from './compose.js';
import type { PluginUse, ResolvedSpec } from './resolved-spec.js';
import type { SchemaNode } from './schema-walk.js';
import { COMPOSITION_KEYS, LATER_KEYS, specSchema } from './schema.js';
import { schemaErrors } from './schema-errors.js';
import { formatPath, locateValue, toPlain, type MapNode, type SpecPath } from './tree.js';
import { unsupportedKeys } from './unsupported.js';
import { optionsValidator, specValidator, type SchemaError } from './validators.js';

export type Resolution =
  | { readonly resolved: ResolvedSpec; readonly errors: readonly [] }
  | { readonly resolved: undefined; readonly errors: readonly ShieldError[] };

type Plain = Record<string, unknown>;

/**
 * Checks a composed spec whole and writes out every default: the top level by its schema, then each plugin, picked by
 * its `use`, by its own.
 *
 * @param name the spec's name where it gives none
 * @returns the spec, frozen, or all that is wrong with it in the order of the text
 */
export function resolveSpec(tree: MapNode, registry: PluginRegistry, name: string): Resolution {
  const plain = toPlain(tree) as Plain;
  const errors = unsupportedKeys(tree);
  for (const key of LATER_KEYS) delete plain[key];
  plain['name'] ??= name;
  // The original's `perform=attack` names one stage without a list.
  if (typeof plain['perform'] === 'string') plain['perform'] = [plain['perform']];
  if (performs(plain, 'train')) plain['train'] ??= {};
  const validate = specValidator();
  if (!validate(plain)) {
    const context = { schema: specSchema as SchemaNode, tree, at: [], alsoKnown: COMPOSITION_KEYS };
    errors.push(...schemaErrors(validate.errors as SchemaError[], context));
  }
  if (performs(plain, 'train') && (plain['perform'] as unknown[]).length > 1) {
    const expected = 'write perform: [train] in a spec of its own';
    const reason = 'joins train with other stages';
    errors.push(
      new ShieldError(
        'SPEC_INVALID_VALUE',
        { key: 'perform', reason, expected },
        { where: locateValue(tree, ['perform']) },
      ),
    );
  }
  completeThreat(plain);
  for (const path of pluginPaths(plain)) errors.push(...resolvePlugin(plain, path, tree, registry));
  if (errors.length > 0) return { resolved: undefined, errors: sorted(errors) };
  return { resolved: freeze(inSchemaOrder(plain, specSchema as SchemaNode)) as ResolvedSpec, errors: [] };
}

function performs(plain: Plain, stage: string): boolean {
  return Array.isArray(plain['perform']) && plain['perform'].includes(stage);
}

// The branches of a union have no defaults in JSON Schema's strict form: theirs are written out here.
const ADAPTIVE = { eot: 10, gradient: 'own' };
const CSV_TARGETS = { csv: '', id: 'ImageId', class: 'TargetClass', offset: 0 };

function completeThreat(plain: Plain): void {
  const adaptive = getPlain(plain, ['threat', 'adaptive']);
  if (isPlain(adaptive)) plain['threat'] = { adaptive: { ...ADAPTIVE, ...adaptive } };
}

/** Every place of the spec where a plugin stands. */
function pluginPaths(plain: Plain): string[][] {
  const many = ['attacks', 'defenses'].flatMap((key) =>
    (isPlain(plain[key]) ? Object.keys(plain[key]) : []).map((name) => [key, name]),
  );
  return [['dataset'], ['model'], ...many, ['threat', 'black-box', 'model']].filter((path) =>
    isPlain(getPlain(plain, path)),
  );
}

/** Picks the plugin, checks its options, and puts `{ use, …every option }` in the place of what was written. */
function resolvePlugin(plain: Plain, path: readonly string[], tree: MapNode, registry: PluginRegistry): ShieldError[] {
  const kind = kindAt(path)!;
  const { use, ...options } = getPlain(plain, path) as Plain;
  // A missing or empty `use` is the top level's error.
  if (typeof use !== 'string' || use === '') return [];
  const picked = pick(kind, use, [...path, 'use'], tree, registry);
  if (picked instanceof ShieldError) return [picked];
  const validate = optionsValidator(picked);
  const schema = fullOptionsSchema(picked) as SchemaNode;
  if (!validate(options))
    return schemaErrors(validate.errors as SchemaError[], { schema, tree, at: path, alsoKnown: ['use'] });
  const parent = getPlain(plain, path.slice(0, -1)) as Plain;
  if (isPlain(options['target'])) options['target'] = { ...CSV_TARGETS, ...options['target'] };
  parent[path.at(-1)!] = { use: picked.name, ...(inSchemaOrder(options, schema) as Plain) } satisfies PluginUse;
  return [];
}

function pick(
  kind: PluginKind,
  use: string,
  path: SpecPath,
  tree: MapNode,
  registry: PluginRegistry,
): Plugin | ShieldError {
  const where = locateValue(tree, path);
  if (kind === 'model' && (use.startsWith('run:') || /[/\\]/.test(use))) {
    const expected = 'name a model plugin; weights of earlier runs come with a later version';
    const reason = `names trained weights (${use}), which is not supported by this version`;
    return new ShieldError('SPEC_INVALID_VALUE', { key: formatPath(path), reason, expected }, { where });
  }
  try {
    return registry.get(kind, use);
  } catch (error) {
    if (!(error instanceof ShieldError)) throw error;
    return new ShieldError(error.code, error.params, { where });
  }
}

/** The same data with its keys in the order of the schema, so that a resolved spec reads like its documentation. */
function inSchemaOrder(value: unknown, schema: SchemaNode | undefined): unknown {
  if (!isPlain(value) || !schema?.properties) return value;
  const known = Object.keys(schema.properties).filter((key) => Object.hasOwn(value, key));
  const others = Object.keys(value).filter((key) => !known.includes(key));
  return Object.fromEntries(
    [...known, ...others].map((key) => [key, inSchemaOrder(value[key], schema.properties![key])]),
  );
}

function sorted(errors: readonly ShieldError[]): ShieldError[] {
  const key = ({ where }: ShieldError) => [where?.line ?? 0, where?.column ?? 0] as const;
  return errors
    .map((error, i) => ({ error, i, key: key(error) }))
    .sort((a, b) => a.key[0] - b.key[0] || a.key[1] - b.key[1] || a.i - b.i)
    .map(({ error }) => error);
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function getPlain(plain: unknown, path: SpecPath): unknown {
  return path.reduce<unknown>(
    (value, key) => (isPlain(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    plain,
  );
}
