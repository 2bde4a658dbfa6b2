"""Writes V1 checkpoints as TensorFlow writes them, and times TensorFlow reading them.

usage: checkpoint_tensorflow.py write FILE SLOTS < variables (JSON: name to shape; values are drawn)
       checkpoint_tensorflow.py read FILE < names (JSON list)
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf


def write(path, slots):
    random = np.random.default_rng(0)
    tensors = {}
    for name, shape in json.load(sys.stdin).items():
        values = random.standard_normal(shape).astype(np.float32) * 0.05
        tensors[name] = np.abs(values) + 0.5 if name.endswith("variance") else values
        for slot in ["Momentum", "RMSProp"][:slots]:
            tensors[f"{name}/{slot}"] = values
    tensors["global_step"] = np.int64(7)
    names = sorted(tensors)
    tf.raw_ops.Save(filename=path, tensor_names=names, data=[tensors[name] for name in names])


def read(path):
    names = json.load(sys.stdin)
    for _ in range(3):
        start = time.perf_counter()
        # What a session restores from: every tensor, its checksum verified on the way.
        reader = tf.compat.v1.train.NewCheckpointReader(path)
        for name in names:
            reader.get_tensor(name)
        print((time.perf_counter() - start) * 1000, flush=True)


write(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "write" else read(sys.argv[2])
