"""A network of tf-slim at 299 px as Python TensorFlow's tf.function: the forward pass, and forward + input gradient.

Random weights: time does not depend on them. usage: slim_tensorflow.py NETWORK BATCH THREADS
"""

import math
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from slim_networks import NETWORKS
from turns import take_turns


class Ops:
    """Weights are constants of the graph, which TensorFlow may fold and pack. A variable would have to be read."""

    def __init__(self):
        self.random = np.random.default_rng(0)

    def normal(self, scale, *shape):
        return tf.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def conv(self, x, out, kernel, stride=1, padding="same", relu=True):
        h, w = kernel
        channels = x.shape[-1]
        weight, bias = self.normal(math.sqrt(2 / (channels * h * w)), h, w, channels, out), self.normal(0.1, out)
        if padding == "fixed" and stride > 1:
            x = tf.pad(x, [[0, 0], [(h - 1) // 2, h // 2], [(w - 1) // 2, w // 2], [0, 0]])
        how = "SAME" if padding == "same" or (padding == "fixed" and stride == 1) else "VALID"
        y = tf.nn.bias_add(tf.nn.conv2d(x, weight, stride, how), bias)
        return tf.nn.relu(y) if relu else y

    def norm_relu(self, x):
        scale, offset = self.normal(1, x.shape[-1]), self.normal(0.1, x.shape[-1])
        return tf.nn.relu(x * scale + offset)

    def max_pool(self, x, size, stride, padding):
        return tf.nn.max_pool2d(x, size, stride, padding.upper())

    def average_pool(self, x):
        return tf.nn.avg_pool2d(x, 3, 1, "SAME")

    def add(self, a, b):
        return a + b

    def concat(self, parts):
        return tf.concat(parts, -1)

    def head(self, x, classes):
        x = tf.reduce_mean(x, [1, 2])
        return x @ self.normal(0.03, x.shape[-1], classes) + self.normal(0.1, classes)


def main():
    name, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    images = tf.random.uniform([batch, 299, 299, 3], seed=1)
    labels = tf.range(batch) * 7 % 1001

    def logits(x):
        return NETWORKS[name](Ops(), x * 2 - 1)

    @tf.function
    def forward(x):
        return logits(x)

    @tf.function
    def gradient(x, y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits(x)))
        return tape.gradient(loss, x)

    tasks = {"forward": lambda: forward(images).numpy(), "gradient": lambda: gradient(images, labels).numpy()}
    take_turns(tf.__version__, tasks, batch)


main()
