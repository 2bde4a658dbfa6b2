import { ShieldError } from '../errors/index.js';
import { inspectRecords, type Range, type RecordsSummary } from '../records/inspect-records.js';
import { columns } from '../report/columns.js';

export interface InspectDataFlags {
  readonly paths: readonly string[];
  readonly decode?: boolean;
  readonly json?: boolean;
}

/** `shield data inspect`: what stands in TFRecord files, all of it read and its checksums checked. */
export async function inspectDataCommand({ paths, decode = false, json }: InspectDataFlags): Promise<void> {
  const summary = await inspectRecords(paths, { decode });
  process.stdout.write(json ? `${JSON.stringify(summary, undefined, 2)}\n` : described(summary));
  if (summary.damaged === 0) return;
  const reason = summary.damaged === 1 ? 'a record is damaged' : `${summary.damaged} records are damaged`;
  const expected = 'make the files that are named again, or set dataset.on_corrupt: skip';
  throw new ShieldError('DATASET_INVALID', { name: 'tfrecord', reason, expected });
}

function described(summary: RecordsSummary): string {
  const { files, records, bytes, packing, missing, forms, labels, height, width, values, first, damages } = summary;
  const packed = Object.entries(packing).filter(([kind]) => kind !== 'none');
  const facts: [string, string][] = [
    ['files', `${count(files)}${packed.map(([kind, number]) => `, ${count(number)} packed by ${kind}`).join('')}`],
    ['records', `${count(records)} in ${size(bytes)}`],
    ...Object.entries(forms).map(([form, number]): [string, string] => ['images', `${count(number)} ${form}`]),
  ];
  if (height && width) facts.push(['size', `height ${between(height)}, width ${between(width)}`]);
  if (values)
    facts.push(['values', `${values.least.toFixed(4)} to ${values.most.toFixed(4)} (first image of each file)`]);
  if (labels) facts.push(['labels', `${between(labels)}, ${count(labels.classes)} of them`]);
  if (first.length > 0) facts.push(['first', first.join(' ')]);
  if (missing.length > 0) {
    facts.push([
      'missing',
      `${missing.slice(0, 3).join(' ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}`,
    ]);
  }
  const rows = Object.entries(summary.features).map(([key, feature]) => [
    key,
    feature.kind,
    feature.values.least === feature.values.most && feature.values.most === 1
      ? ''
      : `${between(feature.values)} values`,
    feature.records === records ? '' : `in ${count(feature.records)} records`,
  ]);
  const table = rows.length > 0 ? `\n${columns([['feature', 'kind', '', ''], ...rows])}\n` : '';
  const faults = damages.length > 0 ? `\n${damages.map((each) => `${each}\n`).join('')}` : '';
  return `${facts.map(([name, text]) => `${name.padEnd(8)} ${text}\n`).join('')}${table}${faults}`;
}

function between({ least, most }: Range): string {
  return least === most ? count(least) : `${count(least)}–${count(most)}`;
}

function count(number: number): string {
  return number.toLocaleString('en');
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
