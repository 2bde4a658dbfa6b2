import { doubtfulBounds } from '../execution/doubtful-bounds.js';
import { imagesOf, plannedSteps, workOf } from '../execution/planned-steps.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { wrapFor } from '../report/wrap.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import { toYaml } from '../spec/to-yaml.js';

/** `shield run --dry-run`: the resolved spec, what would be done and what it costs at most. */
export function printPlan(loaded: LoadedSpec, registry: PluginRegistry, flags: { readonly json?: boolean }): void {
  const spec = loaded.resolved;
  const steps = plannedSteps(spec, registry);
  const images = imagesOf(spec);
  if (flags.json) {
    const plan = steps.map(({ step, forwards, gradients }) => ({ step, forwards, gradients }));
    process.stdout.write(`${JSON.stringify({ hash: loaded.hash, resolved: spec, images, plan }, null, 2)}\n`);
    return;
  }
  const lines = steps.map(({ step, forwards, gradients }, i) => {
    const cost = [passes(forwards, 'forward'), passes(gradients, 'gradient')].filter(Boolean).join(' + ');
    return `${String(i + 1).padStart(2)}. ${step.padEnd(46)} ${cost}`;
  });
  const total = steps.reduce((sum, step) => sum + workOf(step), 0);
  const forAll =
    images === undefined ? '' : `, about ${Math.round(total * images).toLocaleString('en')} for ${images} images`;
  process.stdout.write(
    [
      toYaml(spec).trimEnd(),
      '',
      'plan (at most, for each image; artifacts that are there are not computed again)',
      ...lines,
      `in all: about ${Math.round(total).toLocaleString('en')} forward passes' time an image${forAll}`,
      `spec hash ${loaded.hash}`,
      '',
    ].join('\n'),
  );
  for (const line of doubtfulBounds(spec, registry))
    process.stderr.write(`${wrapFor(process.stderr, `warning: ${line}`)}\n`);
}

function passes(count: number, name: string): string {
  return count === 0 ? '' : `${count.toLocaleString('en')} ${name}${count === 1 ? '' : 's'}`;
}
