"""What TensorFlow's build_imagenet_data.py does, in TensorFlow 2 and without its flags; for bench/records.js.

    python build_imagenet_tf.py IMAGES LABELS OUTPUT SHARDS THREADS

IMAGES is a folder of unpacked JPEGs, LABELS a file with a wnid a line, in the order of their names. Each image is read,
decoded whole for its size, and written with its keys. Prints the version, images and seconds (without imports).
"""

import os
import sys
import threading
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402

folder, labels_file, output, shards, threads = sys.argv[1:4] + [int(sys.argv[4]), int(sys.argv[5])]
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)


def ints(*values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def text(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def example(name, jpeg, label, synset, height, width):
    return tf.train.Example(features=tf.train.Features(feature={
        "image/height": ints(height),
        "image/width": ints(width),
        "image/colorspace": text(b"RGB"),
        "image/channels": ints(3),
        "image/class/label": ints(label),
        "image/class/synset": text(synset.encode()),
        "image/format": text(b"JPEG"),
        "image/filename": text(name.encode()),
        "image/encoded": text(jpeg),
    }))


def shard(number, names, synsets, numbers):
    path = os.path.join(output, f"validation-{number:05d}-of-{shards:05d}")
    with tf.io.TFRecordWriter(path) as writer:
        for name, synset in zip(names, synsets):
            with open(os.path.join(folder, name), "rb") as file:
                jpeg = file.read()
            image = tf.io.decode_jpeg(jpeg, channels=3)
            height, width, _ = image.shape
            writer.write(example(name, jpeg, numbers[synset], synset, height, width).SerializeToString())


def work(first):
    for number in range(first, shards, threads):
        part = slice(number * size, (number + 1) * size)
        shard(number, names[part], synsets[part], numbers)


tf.io.decode_jpeg(tf.io.encode_jpeg(tf.zeros([8, 8, 3], tf.uint8)))
start = time.perf_counter()
names = sorted(os.listdir(folder))
with open(labels_file) as file:
    synsets = file.read().split()
numbers = {synset: i + 1 for i, synset in enumerate(sorted(set(synsets)))}
size = -(-len(names) // shards)
os.makedirs(output)
workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(tf.__version__, len(names), time.perf_counter() - start)
