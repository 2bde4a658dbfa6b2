export { crc32c, maskedCrc32c } from './crc32c.js';
export { decodeExample, encodeExample, type Feature, type Features } from './example.js';
export { decodeImageRecord, encodeImageRecord, type ImageRecord, type RecordPlace } from './image-record.js';
export { readRecords, writeRecords, type WrittenRecords } from './tfrecord.js';
