import { readFileSync } from 'node:fs';

interface Recorded {
  readonly labels: readonly number[];
  readonly l2: Readonly<Record<string, readonly number[]>>;
}

const recorded = JSON.parse(readFileSync(new URL('./gradient-steps.json', import.meta.url), 'utf8')) as Recorded;

/** The classes that PyTorch's network gives the images of formula-network.ts. */
export const recordedLabels = recorded.labels;

/** L2 norms of the changes by a peer's attack, one an image, as bench/record/gradient_steps.py wrote them. */
export function recordedL2(attack: string): readonly number[] {
  const norms = recorded.l2[attack];
  if (!norms) throw new Error(`${attack} was not recorded: ${Object.keys(recorded.l2).join(', ')}`);
  return norms;
}
