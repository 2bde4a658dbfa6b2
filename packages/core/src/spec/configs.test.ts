import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { builtIns } from '../../../../src/built-ins.js';
import { PluginRegistry } from '../plugin/registry.js';
import { projectRoot } from '../testing/shared-data.js';
import { specJsonSchema } from './json-schema.js';
import { loadSpec } from './load-spec.js';

const folder = join(projectRoot(), 'configs');
const specs = yamlIn(folder).filter((file) => !file.includes('/'));
const groups = yamlIn(folder).filter((file) => /^(dataset|model|attack|defense)\//.test(file));
const registry = new PluginRegistry();
for (const { name, plugins } of await builtIns()) for (const plugin of plugins) registry.register(plugin, name);
const validate = new Ajv({ strict: false }).compile(JSON.parse(JSON.stringify(specJsonSchema(registry))) as object);

describe('the configs that come with the project', () => {
  it.each(specs)('%s loads, pleases the editor, and names its schema', async (file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=spec.schema.json');
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
    const { resolved } = await loadSpec(join(folder, file), { registry });
    expect(resolved.name).toBe(file.replace('.yaml', ''));
  });

  it.each(groups)('%s can be composed', async (file) => {
    const [group, name] = file.replace('.yaml', '').split('/') as [string, string];
    const others = ['model/small_cnn', 'dataset/drawn'].filter((each) => !each.startsWith(`${group}/`));
    const text = `defaults: [${[...others, `${group}/${name}`].join(', ')}]\n`;
    const { resolved } = await loadSpec(text, { registry, configDirs: [folder] });
    const used = {
      ...resolved.attacks,
      ...resolved.defenses,
      [resolved.model.use]: resolved.model,
      [resolved.dataset.use]: resolved.dataset,
    };
    expect(Object.keys(used)).toContain(name);
  });
});

function yamlIn(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.yaml'))
    .sort();
}
