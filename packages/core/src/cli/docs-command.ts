import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ERROR_CODES, ShieldError } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import { PLUGIN_KINDS, type Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { optionRows } from '../report/option-rows.js';
import { pluginFacts } from '../report/plugin-facts.js';
import type { ProgramOptions } from './program.js';

/** `shield docs`: pages that are made of the code itself, in the checkout it is called in. */
export async function docsCommand(options: ProgramOptions, flags: { readonly check?: boolean }): Promise<void> {
  const { createShield } = await import('../execution/shield.js');
  const { registry } = createShield({ plugins: await options.plugins() });
  const pages = await generatedPages(registry);
  const outdated: string[] = [];
  for (const [name, text] of pages) {
    const path = resolve(name);
    const before = existsSync(path) ? await readFile(path, 'utf8') : undefined;
    if (before === text) continue;
    outdated.push(name);
    if (flags.check) continue;
    await makeFolder(dirname(path));
    await writeFile(path, text);
  }
  if (flags.check && outdated.length > 0) {
    throw new ShieldError('DOCS_OUTDATED', { pages: outdated.join(', ') });
  }
  process.stdout.write(outdated.length === 0 ? 'every page is up to date\n' : `written: ${outdated.join(', ')}\n`);
}

/** Path in the checkout → content. */
export async function generatedPages(registry: PluginRegistry): Promise<Map<string, string>> {
  const { specJsonSchema } = await import('../spec/json-schema.js');
  const plugins = PLUGIN_KINDS.flatMap((kind): Plugin[] => registry.list(kind));
  return new Map([
    ['configs/spec.schema.json', `${JSON.stringify(specJsonSchema(registry), null, 2)}\n`],
    ['docs/errors.md', errorsPage()],
    ['docs/plugins/README.md', pluginIndex(plugins)],
    ...plugins.map((plugin): [string, string] => [`docs/plugins/${plugin.kind}/${plugin.name}.md`, pluginPage(plugin)]),
  ]);
}

function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { message, fix, exit }]) => `| \`${code}\` | ${cell(message)} | ${cell(fix)} | ${exit} |`,
  );
  return [
    '# Errors',
    '',
    'Every error names its code, what is wrong, where (file:line:column of the spec, where there is one) and how to mend it. Words in',
    'braces are filled in. Exit code 2: the spec or the command is wrong and nothing ran; 1: the run failed.',
    '',
    '| code | what happened | how to mend it | exit |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function pluginIndex(plugins: readonly Plugin[]): string {
  const kinds = PLUGIN_KINDS.filter((kind) => plugins.some((plugin) => plugin.kind === kind));
  const sections = kinds.flatMap((kind) => [
    `## ${kind === 'attack' ? 'Attacks' : `${kind[0]!.toUpperCase()}${kind.slice(1)}s`}`,
    '',
    ...plugins
      .filter((plugin) => plugin.kind === kind)
      .map(({ name, summary }) => `- [\`${name}\`](${kind}/${name}.md): ${summary}`),
    '',
  ]);
  return ['# Plugins', '', 'Made by `npm run docs` from the plugins themselves.', '', ...sections].join('\n');
}

function pluginPage(plugin: Plugin): string {
  const facts = pluginFacts(plugin);
  const flags = plugin.kind === 'attack' ? Object.entries(plugin.flags ?? {}) : [];
  const rows = optionRows(plugin).map(
    ({ name, default: value, description, allowed }) =>
      `| \`${name}\` | \`${value}\` | ${cell(description)} | ${cell(allowed)} |`,
  );
  return [
    `# ${plugin.kind} \`${plugin.name}\``,
    '',
    plugin.summary,
    '',
    ...(plugin.aliases?.length ? [`Also called ${plugin.aliases.map((alias) => `\`${alias}\``).join(', ')}.`, ''] : []),
    ...(plugin.reference ? [`[${plugin.reference.title}](${plugin.reference.url})`, ''] : []),
    ...(facts.length > 0 ? [`${facts.join('; ')}.`, ''] : []),
    '| option | default | what it is | values |',
    '|---|---|---|---|',
    ...rows,
    ...(flags.length > 0
      ? [
          '',
          'Warns of, and counts as `attack/NAME/flags/…`:',
          '',
          ...flags.map(([flag, text]) => `- \`${flag}\`: ${text}`),
        ]
      : []),
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
