import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { nativeForTests } from '../../testing/native-for-tests.js';
import { startScript } from '../../testing/processes.js';

const native = await nativeForTests();

/** Works on products that oneDNN takes a buffer for, until so many signals were heard. */
const WORK = `
  let heard = 0;
  process.on('SIGWINCH', () => heard++);
  await core.openBackend('node', { threads: 2, log() {}, warn() {} });
  const tf = await import('@tensorflow/tfjs-core');
  const [x, w] = [tf.range(0, 1, 1 / 16384).reshape([1, 4, 4, 1024]), tf.range(0, 1, 1 / 262144).reshape([1, 1, 1024, 256])];
  const sum = () => tf.tidy(() => tf.sum(tf.conv2d(x, w, 1, 'same')).dataSync()[0]);
  const first = sum();
  console.log('at work');
  let [others, products] = [0, 0];
  while (heard < 1000) {
    for (let i = 0; i < 50; i++, products++) if (sum() !== first) others++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(JSON.stringify({ others, computed: products > 1000 }));
  process.exit(0);
`;

test.skipIf(!native)(
  'signals do not disturb what TensorFlow computes, and are heard (a window made larger)',
  async () => {
    const { process: child, finished, printed } = startScript('backend/index.js', WORK);
    await printed('at work');
    // The system joins signals that have not been heard yet.
    while (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGWINCH');
      await wait(1);
    }
    const { code, signal, stdout, stderr } = await finished;
    expect([code, signal, stderr]).toEqual([0, null, '']);
    expect(JSON.parse(stdout.split('\n')[1]!)).toEqual({ others: 0, computed: true });
  },
);
