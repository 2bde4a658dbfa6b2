export { crc32c, maskedCrc32c } from './crc32c.js';
export { decodeExample, encodeExample, type Feature, type Features } from './example.js';
export {
  decodeImageRecord,
  encodeImageRecord,
  encodeOriginalRecord,
  imageFormat,
  type ImageRecord,
  type RecordPlace,
  type StoredRange,
} from './image-record.js';
export { inspectRecords, type RecordsSummary } from './inspect-records.js';
export { indexRecords, type IndexedRecord } from './record-index.js';
export { RecordSource } from './record-source.js';
export { recordFiles } from './record-files.js';
export { readRecords, scanRecords, type ScannedRecord } from './tfrecord.js';
export { writeRecords, type DigestedRecords, type WriteOptions, type WrittenRecords } from './tfrecord-writer.js';
