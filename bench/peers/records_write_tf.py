"""TensorFlow's TFRecordWriter, until what it wrote is on the disk; for bench/records.js.

    python records_write_tf.py FILE RECORD COUNT

Writes COUNT times the bytes of the file RECORD for each line of its input, prints the seconds, and removes what it wrote.
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402

path, record, count = sys.argv[1], open(sys.argv[2], "rb").read(), int(sys.argv[3])
print(f"TensorFlow {tf.__version__}", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    with tf.io.TFRecordWriter(path) as writer:
        for _ in range(count):
            writer.write(record)
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    print(time.perf_counter() - start, flush=True)
    os.remove(path)
