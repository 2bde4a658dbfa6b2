import type { Type as MessageType } from 'protobufjs/light.js';

/** A feature of a `tf.train.Example` (tensorflow/core/example/feature.proto). */
export type Feature =
  | { readonly kind: 'bytes'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'float'; readonly values: readonly number[] }
  | { readonly kind: 'int64'; readonly values: readonly number[] };

export type Features = Readonly<Record<string, Feature>>;

/** As protobufjs gives and takes them. */
interface WireFeature {
  bytesList?: { value: Uint8Array[] };
  floatList?: { value: number[] };
  int64List?: { value: (number | { toNumber(): number })[] };
}

let loaded: Promise<MessageType> | undefined;

/** The message type, built in code when it is first needed: no .proto file to find, and nothing to load for `--help`. */
function exampleType(): Promise<MessageType> {
  loaded ??= import('protobufjs/light.js').then(({ default: protobuf }) => {
    const { Field, MapField, OneOf, Root, Type } = protobuf;
    // Numbers are packed, as TensorFlow writes them.
    const list = (name: string, type: string, options?: { packed: boolean }) =>
      new Type(name).add(new Field('value', 1, type, 'repeated', undefined, options));
    const feature = new Type('Feature')
      .add(new OneOf('kind', ['bytesList', 'floatList', 'int64List']))
      .add(new Field('bytesList', 1, 'BytesList'))
      .add(new Field('floatList', 2, 'FloatList'))
      .add(new Field('int64List', 3, 'Int64List'));
    const root = new Root();
    root
      .define('tensorflow')
      .add(list('BytesList', 'bytes'))
      .add(list('FloatList', 'float', { packed: true }))
      .add(list('Int64List', 'int64', { packed: true }))
      .add(feature)
      .add(new Type('Features').add(new MapField('feature', 1, 'string', 'Feature')))
      .add(new Type('Example').add(new Field('features', 1, 'Features')));
    return root.lookupType('tensorflow.Example');
  });
  return loaded;
}

/** A serialised Example; keys are written in the order of their names, so equal features give equal bytes. */
export async function encodeExample(features: Features): Promise<Uint8Array> {
  const type = await exampleType();
  const feature: Record<string, WireFeature> = {};
  for (const key of Object.keys(features).sort()) {
    const { kind, values } = features[key]!;
    if (kind === 'bytes') feature[key] = { bytesList: { value: [...values] } };
    else if (kind === 'float') feature[key] = { floatList: { value: [...values] } };
    else feature[key] = { int64List: { value: [...values] } };
  }
  return type.encode({ features: { feature } }).finish();
}

/** The bytes of an Example that holds these features, each as the map entry (name and value) that stood in another. */
export function exampleOf(entries: readonly Uint8Array[]): Uint8Array {
  const features = Buffer.concat(entries.flatMap((entry) => [delimited(entry.length), entry]));
  return Buffer.concat([delimited(features.length), features]);
}

/** Field 1, length-delimited. */
function delimited(length: number): Uint8Array {
  const bytes = [0x0a];
  for (; length >= 0x80; length >>>= 7) bytes.push((length & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, length]);
}

/**
 * @returns the features by name, without a prototype (a record may name a feature `constructor`)
 * @throws Error saying what is wrong with bytes that are no Example, or with a whole number beyond ±2^53
 */
export async function decodeExample(bytes: Uint8Array): Promise<Features> {
  const type = await exampleType();
  let decoded: { features?: { feature?: Record<string, WireFeature> } };
  try {
    decoded = type.decode(bytes) as unknown as typeof decoded;
  } catch (error) {
    throw new Error(`not a tf.train.Example (${error instanceof Error ? error.message : String(error)})`, {
      cause: error,
    });
  }
  const features = Object.create(null) as Record<string, Feature>;
  for (const [name, wire] of Object.entries(decoded.features?.feature ?? {})) {
    if (wire.bytesList) features[name] = { kind: 'bytes', values: wire.bytesList.value };
    else if (wire.floatList) features[name] = { kind: 'float', values: wire.floatList.value };
    else if (wire.int64List)
      features[name] = { kind: 'int64', values: wire.int64List.value.map((v) => whole(v, name)) };
  }
  return features;
}

function whole(value: number | { toNumber(): number }, name: string): number {
  const number = typeof value === 'number' ? value : value.toNumber();
  if (!Number.isSafeInteger(number)) throw new Error(`${name} holds a number beyond ±2^53`);
  return number;
}
