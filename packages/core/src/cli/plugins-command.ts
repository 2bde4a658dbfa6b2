import Table from 'cli-table3';
import { ShieldError, didYouMean } from '../errors/index.js';
import { fullOptionsSchema } from '../plugin/common-options.js';
import type { PluginKind } from '../plugin/contracts.js';
import { PLUGIN_KINDS, type Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { optionRows } from '../report/option-rows.js';
import { pluginFacts } from '../report/plugin-facts.js';
import { wrap } from '../report/wrap.js';
import type { ProgramOptions } from './program.js';

/** Every terminal has these. */
const COLUMNS = 80;

/** `shield plugins [name]` */
export async function pluginsCommand(
  options: ProgramOptions,
  flags: {
    readonly name: string | undefined;
    /** Files and packages, relative to the working directory. */
    readonly load?: readonly string[];
    readonly json?: boolean;
    readonly schema?: boolean;
  },
): Promise<void> {
  const { createShield } = await import('../execution/shield.js');
  const { registry } = createShield({ plugins: await options.plugins() });
  if (flags.load) {
    const { loadPlugins } = await import('../spec/load-plugins.js');
    await loadPlugins(flags.load, process.cwd(), registry);
  }
  if (flags.schema) {
    const { specJsonSchema } = await import('../spec/json-schema.js');
    process.stdout.write(`${JSON.stringify(specJsonSchema(registry), null, 2)}\n`);
    return;
  }
  const plugins =
    flags.name === undefined
      ? PLUGIN_KINDS.flatMap((kind): Plugin[] => registry.list(kind))
      : named(registry, flags.name);
  if (flags.json) {
    const described = plugins.map((plugin) => ({
      kind: plugin.kind,
      name: plugin.name,
      aliases: plugin.aliases ?? [],
      summary: plugin.summary,
      reference: plugin.reference,
      from: registry.origin(plugin.kind, plugin.name),
      options: fullOptionsSchema(plugin),
    }));
    process.stdout.write(`${JSON.stringify(described, null, 2)}\n`);
    return;
  }
  process.stdout.write(flags.name === undefined ? listing(plugins) : `${plugins.map(describe).join('\n\n')}\n`);
}

function named(registry: PluginRegistry, name: string): Plugin[] {
  const [kind, rest] = name.includes(':') ? (name.split(':', 2) as [PluginKind, string]) : [undefined, name];
  const kinds = kind === undefined ? PLUGIN_KINDS : [kind];
  const found = kinds.filter((each) => registry.has(each, rest)).map((each): Plugin => registry.get(each, rest));
  if (found.length > 0) return found;
  const known = PLUGIN_KINDS.flatMap((each): Plugin[] => registry.list(each)).map((plugin) => plugin.name);
  throw new ShieldError('PLUGIN_UNKNOWN', {
    kind: kind ?? 'plugin',
    name: rest,
    hint: didYouMean(rest, known),
    known: known.join(', '),
  });
}

function listing(plugins: readonly Plugin[]): string {
  const width = Math.max(...plugins.map(({ name }) => name.length));
  return PLUGIN_KINDS.filter((kind) => plugins.some((plugin) => plugin.kind === kind))
    .map((kind) => {
      const lines = plugins
        .filter((plugin) => plugin.kind === kind)
        .map(({ name, summary }) => wrap(`  ${name.padEnd(width)}  ${summary}`, COLUMNS, width + 4));
      return `${kind === 'attack' ? 'attacks' : `${kind}s`}\n${lines.join('\n')}\n`;
    })
    .join('\n');
}

function describe(plugin: Plugin): string {
  const lines = [wrap(`${plugin.kind} ${plugin.name}: ${plugin.summary}`, COLUMNS)];
  if (plugin.aliases?.length) lines.push(`also called ${plugin.aliases.join(', ')}`);
  if (plugin.reference) lines.push(wrap(plugin.reference.title, COLUMNS), plugin.reference.url);
  const facts = pluginFacts(plugin);
  if (facts.length > 0) lines.push(wrap(facts.join('; '), COLUMNS));
  const rows = optionRows(plugin);
  const first = Math.max(22, ...rows.map(({ name }) => name.length + 2));
  const table = new Table({
    head: ['option', 'default', 'what it is'],
    colWidths: [first, 14, 62 - first],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const row of rows)
    table.push([row.name, row.default, `${row.description}${row.allowed ? ` (${row.allowed})` : ''}`]);
  return `${lines.join('\n')}\n\n${table.toString()}`;
}
