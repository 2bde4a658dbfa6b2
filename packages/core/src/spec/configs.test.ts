import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { afterAll, describe, expect, it } from 'vitest';
import { builtIns } from '../../../../src/built-ins.js';
import { PluginRegistry } from '../plugin/registry.js';
import { projectRoot } from '../testing/shared-data.js';
import { trainedRun } from '../testing/trained-run.js';
import { specJsonSchema } from './json-schema.js';
import { loadSpec } from './load-spec.js';

const folder = join(projectRoot(), 'configs');
const specs = yamlIn(folder).filter((file) => !/^(dataset|model|attack|defense)\//.test(file));
const groups = yamlIn(folder).filter((file) => /^(dataset|model|attack|defense)\//.test(file));
const registry = new PluginRegistry();
for (const { name, plugins } of await builtIns()) for (const plugin of plugins) registry.register(plugin, name);
const validate = new Ajv({ strict: false }).compile(JSON.parse(JSON.stringify(specJsonSchema(registry))) as object);

// Specs name the trainings that they build on.
const runsFolder = mkdtempSync(join(tmpdir(), 'shield-configs-'));
afterAll(() => rmSync(runsFolder, { recursive: true }));
const trained = { model: 'efficientnet_lite0', options: JSON.stringify({ size: 160, classes: 10 }) };
for (const file of specs.filter((name) => /^(train|vaccinate)-/.test(name))) {
  await trainedRun(runsFolder, file.replace('.yaml', ''), trained);
}

describe('the configs that come with the project', () => {
  it.each(specs)('%s loads, pleases the editor, and names its schema', async (file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const schema = `${'../'.repeat(file.split('/').length - 1)}spec.schema.json`;
    expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=${schema}`);
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
    const { resolved } = await loadSpec(join(folder, file), { registry, runsFolder });
    expect(resolved.name).toBe(basename(file, '.yaml'));
  });

  it.each(groups)('%s can be composed', async (file) => {
    const [group, name] = file.replace('.yaml', '').split('/') as [string, string];
    const others = ['model/small_cnn', 'dataset/drawn'].filter((each) => !each.startsWith(`${group}/`));
    const text = `defaults: [${[...others, `${group}/${name}`].join(', ')}]\n`;
    const { resolved } = await loadSpec(text, { registry, configDirs: [folder], runsFolder });
    const used = {
      ...resolved.attacks,
      ...resolved.defenses,
      [resolved.model.use]: resolved.model,
      [resolved.dataset.use]: resolved.dataset,
    };
    // A data set or model may be a plugin's under a name of its own.
    expect(Object.keys(used)).toContain(group === 'dataset' || group === 'model' ? useOf(file) : name);
  });
});

/** The plugin that a file of a config group uses, by itself or through the file it builds on. */
function useOf(file: string): string | undefined {
  const { use, defaults = [] } = parse(readFileSync(join(folder, file), 'utf8')) as {
    use?: string;
    defaults?: string[];
  };
  return use ?? defaults.map((other) => useOf(join(file, '..', `${other}.yaml`))).find(Boolean);
}

function yamlIn(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.yaml'))
    .sort();
}
