/*
 * Rows of bench/attacks.js as Markdown: equal settings, our defaults, and the gradient itself.
 */
import { NOTES, TASKS } from './settings.js';

/** The rows that open a table; others of ours stand below. */
const OURS = ['ours, equal', 'ours, defaults'];

const NORMS = { l0: 'L0', l1: 'L1', l2: 'L2', linf: 'L∞ × 255' };

/** Of these, the fastest is the one to beat: as successful as the best peer, and within a tenth of its distance. */
const COMPARABLE = { success: 0.999, l2: 1.1 };

/** @param rows what the bench recorded, of any number of sessions */
export function tables(rows) {
  const threads = [...new Set(rows.map((row) => row.threads))].sort((a, b) => a - b);
  return threads.flatMap((count) => {
    const own = rows.filter((row) => row.threads === count);
    const of = `${count} thread${count === 1 ? '' : 's'}`;
    return [
      `### Equal settings, ${of}`,
      table(own, 'ours, equal'),
      `### Our defaults, ${of}`,
      table(own, 'ours, defaults'),
      `### The gradient of EfficientNet-Lite0, ${of}`,
      gradients(own),
    ];
  });
}

function table(rows, ours) {
  const lines = [
    '| attack | library | success | norm | mean | median | s an image | CPU s | to the fastest peer (CPU) | gradients | forwards |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const [attack, { title, steps, norm = 'l2' }] of Object.entries(TASKS)) {
    const mine = rows.find((row) => row.attack === attack && row.who === ours);
    const peers = rows.filter((row) => row.attack === attack && !row.who.startsWith('ours'));
    const others = rows.filter(({ attack: of, who }) => of === attack && who.startsWith('ours') && !OURS.includes(who));
    const also = ours === 'ours, defaults' ? others : [];
    if (!mine) continue;
    const [fastest, leanest] = ['seconds', 'cpu'].map((unit) =>
      Math.min(...comparable(peers, norm).map((row) => median(row[unit]))),
    );
    [mine, ...also, ...peers].forEach((row, at) => {
      const note = NOTES[`${row.who} ${attack}`];
      const [seconds, cpu] = [median(row.seconds), median(row.cpu)];
      const sizes = fooled(row, norm);
      const digits = norm === 'l2' || norm === 'linf' ? 4 : 0;
      const cells = [
        at === 0 ? `${title} (${row.images} images)` : '',
        at === 0 ? 'SHIELD' : `${row.who.replace('ours', 'SHIELD')}${note ? ` (${note})` : ''}`,
        share(row.success).toFixed(3),
        NORMS[norm],
        sizes.length > 0 ? mean(sizes).toFixed(digits) : '–',
        sizes.length > 0 ? median(sizes).toFixed(digits) : '–',
        seconds.toFixed(3),
        cpu.toFixed(3),
        peers.length > 0 ? `${(seconds / fastest).toFixed(2)} (${(cpu / leanest).toFixed(2)})` : '–',
        row.gradients.toFixed(1),
        row.forwards.toFixed(1),
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    });
    if (ours === 'ours, equal' && steps) {
      const factor = median(mine.seconds) / (steps * median(mine.gradient.ours));
      const lean = median(mine.cpu) / (steps * median(mine.gradient.cpu.ours));
      lines.push(
        `| | SHIELD, over ${steps} × its gradient: ${factor.toFixed(2)} (CPU ${lean.toFixed(2)}) | | | | | | | | | |`,
      );
    }
  }
  return lines.join('\n');
}

function comparable(peers, norm) {
  const success = Math.max(...peers.map((row) => share(row.success)));
  const good = peers.filter(
    (row) => share(row.success) >= success * COMPARABLE.success && fooled(row, norm).length > 0,
  );
  const l2 = Math.min(...good.map((row) => mean(fooled(row, norm))));
  const near = good.filter((row) => mean(fooled(row, norm)) <= l2 * COMPARABLE.l2);
  return near.length > 0 ? near : peers;
}

function gradients(rows) {
  const lines = ['| batch | SHIELD, ms an image (CPU) | PyTorch | ratio (CPU) |', '|---|---|---|---|'];
  const batches = [...new Set(rows.map((row) => row.batch))].sort((a, b) => b - a);
  for (const batch of batches) {
    const all = rows.filter((row) => row.batch === batch && row.gradient?.torch?.length > 0);
    if (all.length === 0) continue;
    const of = (who, from) => all.flatMap(({ gradient }) => from(gradient)[who]);
    const units = [(gradient) => gradient, (gradient) => gradient.cpu];
    const ms = (who) => units.map((unit) => (1000 * median(of(who, unit))).toFixed(1));
    const ratio = units.map((unit) => median(of('ours', unit).map((s, i) => s / of('torch', unit)[i])).toFixed(2));
    const cell = ([wall, cpu]) => `${wall} (${cpu})`;
    lines.push(`| ${batch} | ${cell(ms('ours'))} | ${cell(ms('torch'))} | ${cell(ratio)} |`);
  }
  return lines.join('\n');
}

/** How far the images that were fooled have gone. */
function fooled(row, norm) {
  const sizes = row[norm].map((value) => (norm === 'linf' ? 255 * value : value));
  return sizes.filter((_, i) => row.success[i]);
}

function share(success) {
  return success.filter(Boolean).length / success.length;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
