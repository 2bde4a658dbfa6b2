import type { TopLevelSpec } from 'vega-lite';
import type { EpochMetrics } from '../training/train.js';

/** Loss and accuracy over the epochs, of the training images and of those held out: SVG. */
export async function trainingPlot(history: readonly EpochMetrics[]): Promise<string> {
  const [{ compile }, { parse, View }] = await Promise.all([import('vega-lite'), import('vega')]);
  const values = history.flatMap(({ epoch, trainLoss, trainAccuracy, validationLoss, validationAccuracy }) => [
    { epoch, images: 'training', loss: trainLoss, accuracy: trainAccuracy },
    ...(validationLoss === undefined
      ? []
      : [{ epoch, images: 'held out', loss: validationLoss, accuracy: validationAccuracy }]),
  ]);
  const panel = (field: 'loss' | 'accuracy') => ({
    width: 320,
    height: 240,
    mark: { type: 'line' as const, point: true },
    encoding: {
      x: { field: 'epoch', type: 'quantitative' as const, axis: { tickMinStep: 1, format: 'd' } },
      y: {
        field,
        type: 'quantitative' as const,
        title: field === 'loss' ? 'cross-entropy' : 'accuracy',
        scale: { zero: field === 'loss' },
        axis: field === 'loss' ? {} : { format: '.1%' },
      },
      color: { field: 'images', type: 'nominal' as const, title: null, sort: ['training', 'held out'] },
    },
  });
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    data: { values },
    hconcat: [panel('loss'), panel('accuracy')],
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
