import assert from 'node:assert/strict';
import type { TSchema } from '@sinclair/typebox';
import { optionsValidator } from '../spec/validators.js';
import type { Plugin } from '../plugin/define.js';
import { isCommonOption } from '../plugin/common-options.js';

/** One thing that a plugin must hold to; `run` rejects with an AssertionError that says what did not hold. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** Values of options as a spec would give them, without `use`. */
export type OptionValues = Readonly<Record<string, unknown>>;

/** The options that a plugin's code is given: defaults filled in, checked as a spec's are. */
export function completeOptions(plugin: Plugin, given: OptionValues): Record<string, unknown> {
  const options: Record<string, unknown> = structuredClone({ ...given });
  const validate = optionsValidator(plugin);
  const valid = validate(options);
  assert.ok(
    valid,
    `${plugin.name} does not take ${JSON.stringify(given)}: ${JSON.stringify(validate.errors?.map(({ instancePath, message }) => `${instancePath} ${message}`))}`,
  );
  return options;
}

/** Cases that hold for plugins of every kind: what they say about themselves. */
export function describedCases(plugin: Plugin, base: OptionValues): ConformanceCase[] {
  return [
    {
      name: 'has a name, a one-line summary, and a source',
      run: async () => {
        for (const name of [plugin.name, ...(plugin.aliases ?? [])]) {
          assert.match(name, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, `"${name}" must be snake_case or one word`);
        }
        assert.match(plugin.summary, /^\S.{7,}$/, 'the summary must be one line that says something');
        assert.ok(plugin.sourceFile, 'the file that defines it must be known: artifacts are named by its digest');
        if (plugin.reference) assert.match(plugin.reference.url, /^https?:\/\//, 'the reference must have an address');
      },
    },
    {
      name: 'describes every option, gives defaults, and takes no unknown ones',
      run: async () => {
        const required = plugin.options.required ?? [];
        for (const [option, schema] of Object.entries(plugin.options.properties as Record<string, TSchema>)) {
          assert.match(option, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, `the option "${option}" must be snake_case`);
          assert.ok((schema.description ?? '').length >= 8, `the option "${option}" needs a description with its unit`);
          assert.ok(
            schema.default !== undefined || (required.includes(option) && option in base),
            `the option "${option}" needs a default; without one it is required, and this suite must be given a value`,
          );
        }
        completeOptions(plugin, base);
        assert.equal(optionsValidator(plugin)({ ...base, no_such_option: 1 }), false, 'unknown options must be errors');
      },
    },
  ];
}

/**
 * One case for each declared option (but those marked `affectsResult: false`): some variation of it must change what
 * the plugin gives. Variations hold options to set; `{ base, changed }` where the option matters only beside others.
 */
export function optionCases<R>(
  plugin: Plugin,
  variations: Readonly<Record<string, readonly Variation[]>>,
  run: (options: OptionValues) => Promise<R>,
  same: (a: R, b: R) => boolean,
): ConformanceCase[] {
  const properties = plugin.options.properties as Record<string, TSchema & { affectsResult?: boolean }>;
  const known = (option: string) => option in properties || isCommonOption(plugin.kind, option);
  return Object.entries(properties).map(([option, schema]) => ({
    name: `option ${option}: ${schema.affectsResult === false ? 'changes nothing, as it says' : 'changes what comes out'}`,
    run: async () => {
      const given = variations[option] ?? [];
      for (const name of Object.keys(variations))
        assert.ok(known(name), `"${name}" is varied, and ${plugin.name} has no such option`);
      assert.ok(given.length > 0, `this suite was given no other value of "${option}" to try`);
      const changed: boolean[] = [];
      for (const variation of given) {
        const [before, after] = 'changed' in variation ? [variation.base, variation.changed] : [{}, variation];
        changed.push(
          !same(
            await run(before as OptionValues),
            await run({ ...(before as OptionValues), ...(after as OptionValues) }),
          ),
        );
      }
      if (schema.affectsResult === false)
        assert.ok(!changed.includes(true), `"${option}" is declared to change no result, and it does`);
      else assert.ok(changed.includes(true), `none of ${JSON.stringify(given)} changes what comes out`);
    },
  }));
}

/** Options to set over the suite's own; with `base`, what both sides of the comparison have beside. */
export type Variation = OptionValues | { readonly base: OptionValues; readonly changed: OptionValues };
