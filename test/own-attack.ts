import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface OwnAttack {
  readonly name: string;
  /** Its code: reads `size`, the images of its batch, and `hold`, which takes so many MiB. */
  readonly body: string;
  /** Options of the spec's `execution`. */
  readonly execution: string;
  readonly images?: number;
}

/** An attack of the test's own, and the spec of a sweep of one cell that uses it. @returns the spec's path */
export function ownAttack(folder: string, { name, body, execution, images = 4 }: OwnAttack): string {
  writeFileSync(
    join(folder, `${name}.ts`),
    `import { defineAttack } from '@shield/core';
import { Type } from '@sinclair/typebox';
import { setTimeout as sleep } from 'node:timers/promises';
const held: Buffer[] = [];
const hold = (mib: number) => void held.push(Buffer.alloc(2 ** 20 * mib, 1));
export default defineAttack({
  name: '${name}', summary: 'takes what it can get', norm: 'none', targeted: false, needs: 'nothing', random: false,
  options: Type.Object({}), cost: () => ({ forwards: 0, gradients: 0 }),
  run: async ({ images, labels }) => {
    const size = labels.length;
    ${body}
    return { images: images.clone(), iterations: new Int32Array(size) };
  },
});
`,
  );
  const path = join(folder, `${name}.yaml`);
  writeFileSync(
    path,
    `name: ${name}
plugins: [./${name}.ts]
backend: cpu
batch: 4
model: { use: small_cnn }
dataset: { use: drawn, limit: ${images} }
attacks: { ${name}: { use: ${name} } }
execution: { threads: 1, strip: 0, ${execution} }
sweep: { repeats: 1, retries: 2, backoff: 0.1 }
`,
  );
  return path;
}
