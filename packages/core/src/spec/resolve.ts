import { ShieldError } from '../errors/index.js';
import { fullOptionsSchema } from '../plugin/common-options.js';
import type { PluginKind } from '../plugin/contracts.js';
import type { Plugin } from '../plugin/define.js';
import { optionError } from '../plugin/option-fault.js';
import { ENSEMBLE, type PluginRegistry } from '../plugin/registry.js';
import { ensembleSchema } from './ensemble-schema.js';
import { ensembleNames, isMapping, kindAt, memberAt, pluginPlaces } from './plugin-places.js';
import type { PluginUse, ResolvedSpec } from './resolved-spec.js';
import type { SchemaNode } from './schema-walk.js';
import { COMPOSITION_KEYS, LATER_KEYS, specSchema } from './schema.js';
import { schemaErrors } from './schema-errors.js';
import {
  formatPath,
  getIn,
  locateKey,
  locateValue,
  toPlain,
  type MapNode,
  type SpecNode,
  type SpecPath,
} from './tree.js';
import { unsupportedKeys } from './unsupported.js';
import { ensembleValidator, optionsValidator, specValidator, type SchemaError } from './validators.js';

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
  if (performs(plain, 'train')) errors.push(...ensembleNames(plain).map((name) => noTraining(name, tree)));
  completeThreat(plain);
  // An ensemble's own options first, since they say where its members' plugins stand.
  for (const name of ensembleNames(plain)) errors.push(...resolveEnsemble(plain, name, tree));
  for (const path of pluginPlaces(plain)) errors.push(...resolvePlugin(plain, path, tree, registry));
  giveModels(plain);
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
  const adaptive = memberAt(plain, ['threat', 'adaptive']);
  if (isMapping(adaptive)) plain['threat'] = { adaptive: { ...ADAPTIVE, ...adaptive } };
}

/** Every place of a composed spec where a model stands. */
export function modelPaths(tree: MapNode): SpecPath[] {
  return pluginPlaces(toPlain(tree)).filter((path) => kindAt(path) === 'model');
}

/** Checks what an ensemble says of itself, and names its members. */
function resolveEnsemble(plain: Plain, name: string, tree: MapNode): ShieldError[] {
  const at = ['defenses', name];
  const { use: _use, ...options } = memberAt(plain, at) as Plain;
  const validate = ensembleValidator();
  if (!validate(options)) {
    const schema = ensembleSchema as SchemaNode;
    return schemaErrors(validate.errors as SchemaError[], { schema, tree, at, alsoKnown: ['use'] });
  }
  const members = (options['members'] as Plain[]).map((member, i) => ({ name: `m${i + 1}`, ...member }));
  const repeated = members.findIndex((member, i) => members.findIndex(({ name }) => name === member.name) < i);
  (plain['defenses'] as Plain)[name] = { use: ENSEMBLE, vote: options['vote'], members };
  if (repeated < 0) return [];
  const path = [...at, 'members', repeated, 'name'];
  const expected = 'give each member a name of its own, or none';
  const reason = `is the name of another member too (${members[repeated]!.name})`;
  return [
    new ShieldError(
      'SPEC_INVALID_VALUE',
      { key: formatPath(path), reason, expected },
      { where: locateValue(tree, path) },
    ),
  ];
}

function noTraining(name: string, tree: MapNode): ShieldError {
  const key = `defenses.${name}`;
  const expected = 'train each member by itself, behind a plugin or a list of them';
  const reason = 'is an ensemble, and perform: [train] trains one model';
  return new ShieldError(
    'SPEC_INVALID_VALUE',
    { key, reason, expected },
    { where: locateKey(tree, ['defenses', name]) },
  );
}

/** Members without a model of their own have that of the spec. */
function giveModels(plain: Plain): void {
  for (const name of ensembleNames(plain)) {
    const members = memberAt(plain, ['defenses', name, 'members']);
    if (Array.isArray(members)) for (const member of members) if (isMapping(member)) member['model'] ??= plain['model'];
  }
}

/** Puts `{ use, …every option }` in the place of what was written. */
function resolvePlugin(plain: Plain, path: SpecPath, tree: MapNode, registry: PluginRegistry): ShieldError[] {
  const { resolved, errors } = resolvePluginUse(memberAt(plain, path) as Plain, path, tree, registry);
  if (resolved) (memberAt(plain, path.slice(0, -1)) as Record<string | number, unknown>)[path.at(-1)!] = resolved;
  return [...errors];
}

/**
 * Picks the plugin that stands at a path of the spec and checks its options.
 *
 * @returns `{ use, …every option }`, or what is wrong
 */
function resolvePluginUse(
  written: Readonly<Record<string, unknown>>,
  path: SpecPath,
  tree: MapNode,
  registry: PluginRegistry,
): { readonly resolved?: PluginUse; readonly errors: readonly ShieldError[] } {
  const kind = kindAt(path)!;
  const known = knownUses(registry);
  const node = getIn(tree, path);
  const before = node && known.get(node);
  if (before?.kind === kind) return { resolved: before.resolved, errors: [] };
  const { use, ...rest } = written;
  const options: Plain = rest;
  // A missing or empty `use` is the top level's error.
  if (typeof use !== 'string' || use === '') return { errors: [] };
  const picked = pick(kind, use, [...path, 'use'], tree, registry);
  if (picked instanceof ShieldError) return { errors: [picked] };
  const validate = optionsValidator(picked);
  const schema = fullOptionsSchema(picked) as SchemaNode;
  if (!validate(options)) {
    const context = { schema, tree, at: path, alsoKnown: ['use'] };
    return { errors: schemaErrors(validate.errors as SchemaError[], context) };
  }
  const fault = picked.kind === 'defense' ? picked.check?.(options) : undefined;
  if (fault) return { errors: [optionError(formatPath(path), fault, locateValue(tree, [...path, fault.option]))] };
  if (isMapping(options['target'])) options['target'] = { ...CSV_TARGETS, ...options['target'] };
  const resolved = freeze({ use: picked.name, ...(inSchemaOrder(options, schema) as Plain) });
  if (node) known.set(node, { kind, resolved });
  return { resolved, errors: [] };
}

/** What was valid stays so: cells of a sweep have all in common that is not swept. By the place that it was written at. */
function knownUses(registry: PluginRegistry): KnownUses {
  let known = uses.get(registry);
  if (!known) uses.set(registry, (known = new WeakMap()));
  return known;
}

/** An alias in the YAML may stand for plugins of two kinds. */
type KnownUses = WeakMap<SpecNode, { readonly kind: PluginKind; readonly resolved: PluginUse }>;

const uses = new WeakMap<PluginRegistry, KnownUses>();

function pick(
  kind: PluginKind,
  use: string,
  path: SpecPath,
  tree: MapNode,
  registry: PluginRegistry,
): Plugin | ShieldError {
  const where = locateValue(tree, path);
  if (kind === 'defense' && use === ENSEMBLE) {
    const reason = 'puts an ensemble into a chain or another ensemble';
    const expected = 'name a plugin; an ensemble stands by itself among the defenses';
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
  if (!isMapping(value) || !schema?.properties) return value;
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
