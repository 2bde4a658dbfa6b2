"""tf.data over TFRecords of JPEGs: read, decoded, resized to 299×299 (bilinear), in batches of 32; for bench/records.js.

    python records_tf.py THREADS FILE...

The first line it prints says the version; then for each line of its input it goes through the files once and prints
images, seconds, seconds of CPU over all threads, and after "mean" instead of these what all samples are on the average.
"same" does what SHIELD does by default: the accurate inverse DCT, and a triangle as wide as the scale (antialias). "plain" has
TensorFlow's defaults, the fast DCT, and two samples a side whatever the scale: at the corners of pixels, as in TensorFlow 1
(tf.image.resize does the same work at their centres).
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402

threads, files = int(sys.argv[1]), sys.argv[2:]
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
KEYS = {"image/encoded": tf.io.FixedLenFeature([], tf.string), "image/class/label": tf.io.FixedLenFeature([], tf.int64)}


def dataset(method, antialias):
    def load(record):
        features = tf.io.parse_single_example(record, KEYS)
        image = tf.io.decode_jpeg(features["image/encoded"], channels=3, dct_method=method)
        if antialias:
            image = tf.image.resize(image, [299, 299], antialias=True)
        else:
            image = tf.compat.v1.image.resize_bilinear(image[tf.newaxis], [299, 299])[0]
        return image / 255, features["image/class/label"]

    data = tf.data.TFRecordDataset(files).map(load, num_parallel_calls=threads).batch(32).prefetch(1)
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return data.with_options(options)


datasets = {"plain": dataset("", False), "same": dataset("INTEGER_ACCURATE", True)}
print(f"TensorFlow {tf.__version__}", flush=True)
for line in sys.stdin:
    *mean, kind = line.split()
    count, total, start, cpu = 0, 0.0, time.perf_counter(), time.process_time()
    for images, _ in datasets[kind]:
        count += images.shape[0]
        if mean:
            total += float(tf.reduce_mean(tf.cast(images, tf.float64))) * images.shape[0]
    if mean:
        print(total / count, flush=True)
    else:
        print(count, time.perf_counter() - start, time.process_time() - cpu, flush=True)
