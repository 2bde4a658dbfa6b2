/*
 * How far I-FGSM's images depend on the last digits of the arithmetic: EfficientNet-Lite0 in PyTorch as float32 and as
 * float64, SHIELD beside them, and PyTorch again with the kinks of ReLU6 rounded off.
 *
 *     node bench/bim-rounding.js --python venv/bin/python [--photos NIPS2017] [--images 8]
 *
 * Given are the L2 of each image after 10 steps of 1 level within 4, and after each step the share of pixels at which the
 * signs of PyTorch's two gradients differ.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { askOnce } from './attacks/contestant.js';
import { writePhotos } from './attacks/photos.js';

const text = { type: 'string' };
const { values: given } = parseArgs({ options: { python: text, photos: text, images: text } });
const STEPS = 10;
const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
try {
  const { file, count, checkpoint } = await writePhotos(folder, Number(given.images ?? 8), given.photos);
  const script = fileURLToPath(new URL('peers/bim_rounding.py', import.meta.url));
  const { stdout } = spawnSync(given.python, [script, checkpoint, file, count, STEPS, 4, 1].map(String), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { relu6, smooth } = JSON.parse(String(stdout));
  const ours = await askOnce(file, count, {
    attack: 'i_fgsm',
    images: count,
    batch: Math.min(16, count),
    seed: 0,
    options: { eps: 4, step_size: 1, steps: STEPS, early_stop: false },
  });
  const columns = [relu6.float32, relu6.float64, ours.l2, smooth.float32, smooth.float64];
  console.log('| photo | PyTorch float32 | PyTorch float64 | SHIELD | smooth, float32 | smooth, float64 |');
  console.log('|---|---|---|---|---|---|');
  for (let i = 0; i < count; i++)
    console.log(`| ${i + 1} | ${columns.map((values) => values[i].toFixed(4)).join(' | ')} |`);
  const apart = (a, b) => {
    const gaps = a.map((value, i) => Math.abs(value - b[i]));
    return `${(gaps.reduce((sum, gap) => sum + gap) / gaps.length).toFixed(5)} (at most ${Math.max(...gaps).toFixed(5)})`;
  };
  console.log(`\nMean difference of L2 from PyTorch float64: PyTorch float32 ${apart(relu6.float32, relu6.float64)}`);
  console.log(`SHIELD ${apart(ours.l2, relu6.float64)}, SHIELD from PyTorch float32 ${apart(ours.l2, relu6.float32)}`);
  console.log(`smooth: PyTorch float32 from float64 ${apart(smooth.float32, smooth.float64)}`);
  const shares = ({ differing }) => differing.map((share) => `${(100 * share).toFixed(4)} %`).join(', ');
  console.log(`Signs that differ between float32 and float64, step by step: ${shares(relu6)}`);
  console.log(`The same, smooth: ${shares(smooth)}`);
} finally {
  rmSync(folder, { recursive: true });
}
