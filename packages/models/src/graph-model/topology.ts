import { graphFault } from './graph-fault.js';
import { isRecord } from './weights-manifest.js';

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** Names of the nodes that it takes values of. */
  readonly inputs: readonly string[];
  /** Names of the nodes that must only be done before. */
  readonly waitsFor: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Topology {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Nodes in an order in which each comes after its inputs. */
  readonly order: readonly GraphNode[];
  /** Of the signature, or of the graph where it has none: the nodes that no other takes. */
  readonly outputs: readonly string[];
}

/** `modelTopology` of model.json. @throws WEIGHTS_INVALID */
export function parseTopology(value: unknown, signature: unknown, path: string): Topology {
  if (!isRecord(value) || !Array.isArray(value['node'])) throw graphFault(path, 'it has no list "modelTopology.node"');
  if (!isRecord(value['versions'])) throw graphFault(path, 'it has no "modelTopology.versions"');
  if (
    isRecord(value['library']) &&
    Array.isArray(value['library']['function']) &&
    value['library']['function'].length > 0
  )
    throw graphFault(path, 'its graph calls functions: freeze it before it is converted');
  const nodes = new Map<string, GraphNode>();
  value['node'].forEach((each: unknown, i) => {
    const node = parseNode(each, `modelTopology.node[${i}]`, path);
    if (nodes.has(node.name)) throw graphFault(path, `it has two nodes "${node.name}"`);
    nodes.set(node.name, node);
  });
  const taken = new Set<string>();
  for (const { name, inputs, waitsFor } of nodes.values()) {
    for (const input of [...inputs, ...waitsFor]) {
      if (!nodes.has(input)) throw graphFault(path, `the node "${name}" takes "${input}", which is not there`);
      taken.add(input);
    }
  }
  const signed = signedOutputs(signature);
  const outputs = signed ?? [...nodes.keys()].filter((name) => !taken.has(name));
  for (const output of outputs) {
    if (!nodes.has(nodeOf(output))) throw graphFault(path, `its output "${output}" is not one of its nodes`);
  }
  return { nodes, order: sorted(nodes, path), outputs };
}

/** The node of a value: `a/b:1` → `a/b`, `^a` (only waited for) → `a`. */
export function nodeOf(value: string): string {
  return value.replace(/^\^/, '').replace(/:.*$/, '');
}

/** The nodes on the way from one to another, both included, in order. */
export function between({ nodes, order }: Topology, from: string, to: string): GraphNode[] {
  const reached = new Set([from]);
  for (const { name, inputs } of order) if (inputs.some((input) => reached.has(input))) reached.add(name);
  const needed = new Set<string>();
  const stack = [nodeOf(to)];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    stack.push(...nodes.get(name)!.inputs);
  }
  return order.filter(({ name }) => reached.has(name) && needed.has(name));
}

function parseNode(value: unknown, at: string, path: string): GraphNode {
  const { name, op, input = [], attr = {} } = isRecord(value) ? value : {};
  if (typeof name !== 'string' || typeof op !== 'string') throw graphFault(path, `${at} has no name or no op`);
  if (!Array.isArray(input) || !input.every((each) => typeof each === 'string') || !isRecord(attr)) {
    throw graphFault(path, `the inputs or attributes of the node "${name}" are not what they should be`);
  }
  const all = input as string[];
  const inputs = all.filter((each) => !each.startsWith('^')).map(nodeOf);
  const waitsFor = all.filter((each) => each.startsWith('^')).map(nodeOf);
  return { name, op, inputs, waitsFor, attributes: attr };
}

function signedOutputs(signature: unknown): string[] | undefined {
  const { outputs } = isRecord(signature) ? signature : {};
  if (!isRecord(outputs)) return undefined;
  const names = Object.values(outputs).flatMap((each) =>
    isRecord(each) && typeof each['name'] === 'string' ? [each['name'].replace(/:0$/, '')] : [],
  );
  return names.length > 0 ? names : undefined;
}

/** @throws WEIGHTS_INVALID where there is a cycle: loops have no gradient here, and no end that is known */
function sorted(nodes: ReadonlyMap<string, GraphNode>, path: string): GraphNode[] {
  const order: GraphNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  for (const root of nodes.keys()) {
    const stack = [{ name: root, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const node = nodes.get(top.name)!;
      if (top.next === 0) {
        if (state.get(top.name) === 'done') {
          stack.pop();
          continue;
        }
        state.set(top.name, 'open');
      }
      const input = node.inputs[top.next++];
      if (input === undefined) {
        state.set(top.name, 'done');
        order.push(node);
        stack.pop();
      } else if (state.get(input) === 'open') {
        throw graphFault(path, `its graph goes in a circle through "${input}"`);
      } else if (state.get(input) !== 'done') stack.push({ name: input, next: 0 });
    }
  }
  return order;
}
