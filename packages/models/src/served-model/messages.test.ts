import { describe, expect, it } from 'vitest';
import { AnswerError, readAnswer, requestBody } from './messages.js';

const shape = [1, 2, 3];
const images = [Float32Array.of(0, 0.1, 1, -1, 255, 1e-7), Float32Array.of(1, 2, 3, 4, 5, 6)];
const nameless = { input: '', output: '' };

describe('what is sent', () => {
  it('is a list of images to TensorFlow Serving and its like, under a name where that is given', () => {
    const body = JSON.parse(requestBody('instances', 'float32', { shape, images }, nameless)) as { instances: number[][][][] }; // prettier-ignore
    expect(body.instances.map((each) => Float32Array.from(each.flat(2)))).toEqual(images);
    expect(body.instances[0]).toHaveLength(1);
    expect(body.instances[0]![0]).toHaveLength(2);
    const named = JSON.parse(requestBody('instances', 'png', { shape, images: ['AAAA'] }, { input: 'a "b"', output: '' })) as object; // prettier-ignore
    expect(named).toEqual({ instances: [{ 'a "b"': { b64: 'AAAA' } }] });
  });

  it('is one tensor to servers of the Open Inference Protocol', () => {
    const body = JSON.parse(requestBody('open_inference', 'uint8', { shape, images: [images[1]!] }, { input: 'x', output: 'y' })) as object; // prettier-ignore
    expect(body).toEqual({
      inputs: [{ name: 'x', shape: [1, 1, 2, 3], datatype: 'UINT8', data: [1, 2, 3, 4, 5, 6] }],
      outputs: [{ name: 'y' }],
    });
    const floats = JSON.parse(
      requestBody('open_inference', 'float32', { shape, images }, { input: 'x', output: '' }),
    ) as {
      inputs: { data: number[]; datatype: string }[];
    };
    expect(floats.inputs[0]!.datatype).toBe('FP32');
    expect(Float32Array.from(floats.inputs[0]!.data)).toEqual(Float32Array.from(images.flatMap((each) => [...each])));
  });

  it('tells every float32 from its neighbours', () => {
    const bits = new Uint32Array(1000).map((_, i) => (i * 2654435761) >>> 0);
    const values = new Float32Array(bits.buffer).filter(Number.isFinite);
    const padded = values.subarray(0, values.length - (values.length % 3));
    const body = requestBody('instances', 'float32', { shape: [1, padded.length / 3, 3], images: [padded] }, nameless);
    const read = Float32Array.from((JSON.parse(body) as { instances: number[][][][] }).instances.flat(3));
    // −0 is written as 0.
    expect(read).toEqual(padded.map((value) => value + 0));
  });
});

describe('what is answered', () => {
  const predictions = (body: unknown, output = '') => readAnswer('instances', body, 2, { input: '', output });
  const outputs = (body: unknown, output = '') => readAnswer('open_inference', body, 2, { input: '', output });

  it('is read in each form that servers give it', () => {
    const wanted = { values: Float32Array.of(1, 2, 3, 4), width: 2 };
    expect(predictions({ predictions: [[1, 2], [3, 4]] })).toEqual(wanted); // prettier-ignore
    expect(predictions({ predictions: [[[1, 2]], [[3, 4]]] })).toEqual(wanted);
    expect(predictions({ predictions: [{ p: [1, 2] }, { p: [3, 4] }] })).toEqual(wanted);
    expect(predictions({ predictions: [{ p: [1, 2], t: 1 }, { p: [3, 4], t: 1 }] }, 'p')).toEqual(wanted); // prettier-ignore
    expect(predictions({ predictions: [7, 8] })).toEqual({ values: Float32Array.of(7, 8), width: 1 });
    expect(outputs({ outputs: [{ name: 'y', data: [1, 2, 3, 4] }] })).toEqual(wanted);
    expect(outputs({ outputs: [{ name: 'z', data: [0, 0] }, { name: 'y', data: [[1, 2], [3, 4]] }] }, 'y')).toEqual(wanted); // prettier-ignore
  });

  it.each([
    ['no list', { outputs: [] }, /no list of "predictions": \{"outputs":\[\]\}/],
    ['nothing', null, /no list of "predictions": null/],
    ['too few', { predictions: [[1, 2]] }, /1 predictions for 2 images/],
    ['ragged', { predictions: [[1, 2], [3]] }, /different lengths: 2, 1/],
    ['empty', { predictions: [[], []] }, /different lengths: 0, 0/],
    ['words', { predictions: [['cat'], ['dog']] }, /"?cat"? is no number/],
    [
      'several, none named',
      {
        predictions: [
          { a: 1, b: 2 },
          { a: 1, b: 2 },
        ],
      },
      /have a, b; output names one/,
    ],
  ])('is refused with what is wrong: predictions, %s', (_, body, message) => {
    expect(() => predictions(body)).toThrow(AnswerError);
    expect(() => predictions(body)).toThrow(message);
  });

  it.each([
    ['no list', { predictions: [] }, /no list of "outputs"/],
    ['several, none named', { outputs: [{ name: 'a' }, { name: 'b' }] }, /has the outputs a, b; output names one/],
    ['a number too many', { outputs: [{ name: 'a', data: [1, 2, 3] }] }, /3 values for 2 images/],
    ['no data', { outputs: [{ name: 'a' }] }, /undefined is no number/],
  ])('is refused with what is wrong: outputs, %s', (_, body, message) => {
    expect(() => outputs(body)).toThrow(message);
  });
});
