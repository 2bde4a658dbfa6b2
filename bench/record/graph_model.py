"""Writes a small TensorFlow.js graph model, and what TensorFlow computes with it, for packages/models/src/graph-model.test.ts.

    python bench/record/graph_model.py packages/models/fixtures/graph-model

The network is trained by nobody: its weights are drawn. It goes the way that tensorflowjs_converter takes: variables to
constants, Grappler (folding, fusing convolution, bias and activation), the GraphDef as JSON with its constants in shards.
Needs tensorflow-cpu 2.21.0.
"""
import json
import math
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.training.saver import export_meta_graph

SIZE, CLASSES, SHARD = 24, 10, 12_000


def network():
    layers = tf.keras.layers
    inputs = tf.keras.Input([SIZE, SIZE, 3], name="image")

    def convolution(x, filters, size, strides=1, depthwise=False):
        if depthwise:
            x = layers.DepthwiseConv2D(size, strides, padding="same", use_bias=False)(x)
        else:
            x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    x = layers.ReLU(6.0)(layers.Conv2D(16, 3, 2, padding="same", name="stem")(inputs))
    y = layers.ReLU(6.0)(convolution(x, 16, 3, depthwise=True))
    y = convolution(y, 16, 1)
    x = layers.Add()([x, y])
    a = layers.ReLU()(convolution(x, 24, 3, 2))
    b = layers.AveragePooling2D(3, 2, padding="same")(x)
    c = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = layers.Concatenate()([a, b, c])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(CLASSES)(x)
    return tf.keras.Model(inputs, layers.Softmax(name="probabilities")(x))


def optimized(function):
    graph = function.graph
    meta = export_meta_graph(graph_def=graph.as_graph_def(), graph=graph)
    for node in meta.graph_def.node:
        node.device = "/device:CPU:0"  # Grappler fuses where it knows what runs a node.
    fetch = meta_graph_pb2.CollectionDef()
    fetch.node_list.value.extend([tensor.name for tensor in function.inputs + function.outputs])
    meta.collection_def["train_op"].CopyFrom(fetch)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.optimizers.extend(["pruning", "constfold", "arithmetic", "dependency", "pruning", "remap", "constfold"])
    rewrite.meta_optimizer_iterations = rewrite.TWO
    return tf_optimizer.OptimizeGraph(config, meta)


def save(graph_def, function, folder):
    specs, data = [], b""
    message = json_format.MessageToDict(graph_def)
    message.pop("library", None)
    for node, proto in zip(message["node"], graph_def.node):
        node.pop("device", None)
        for name in [key for key in node.get("attr", {}) if key.startswith("_") and key != "_output_shapes"]:
            del node["attr"][name]
        node.get("attr", {}).pop("_output_shapes", None)
        if proto.op != "Const":
            continue
        value = tf.make_ndarray(proto.attr["value"].tensor)
        dtype = {np.dtype("float32"): "float32", np.dtype("int32"): "int32"}[value.dtype]
        specs.append({"name": proto.name, "shape": list(value.shape), "dtype": dtype})
        data += value.tobytes()
        tensor = node["attr"]["value"]["tensor"]
        node["attr"]["value"]["tensor"] = {"dtype": tensor["dtype"], "tensorShape": tensor.get("tensorShape", {})}
    count = math.ceil(len(data) / SHARD)
    paths = [f"group1-shard{i + 1}of{count}.bin" for i in range(count)]
    for i, path in enumerate(paths):
        with open(os.path.join(folder, path), "wb") as shard:
            shard.write(data[i * SHARD:(i + 1) * SHARD])
    info = lambda tensor: {
        "name": tensor.name,
        "dtype": "DT_FLOAT",
        "tensorShape": {"dim": [{"size": str(-1 if side is None else side)} for side in tensor.shape]},
    }
    model = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "bench/record/graph_model.py",
        "signature": {
            "inputs": {"image": info(function.inputs[0])},
            "outputs": {"probabilities": info(function.outputs[0])},
        },
        "modelTopology": message,
        "weightsManifest": [{"paths": paths, "weights": specs}],
    }
    with open(os.path.join(folder, "model.json"), "w") as file:
        json.dump(model, file, separators=(",", ":"))


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    tf.keras.utils.set_random_seed(20)
    model = network()
    random = np.random.default_rng(20)
    for variable in model.variables:
        shape = variable.shape
        low, high = (0.5, 1.5) if "gamma" in variable.path or "variance" in variable.path else (-0.3, 0.3)
        if len(shape) > 1:
            high = math.sqrt(6 / np.prod(shape[:-1])) if "depthwise" not in variable.path else 0.8
            low = -high
        variable.assign(random.uniform(low, high, shape))
    signature = tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, name="image")
    function = convert_variables_to_constants_v2(tf.function(model).get_concrete_function(signature))
    save(optimized(function), function, folder)

    # The k-th value of the images: the fractional part of k · 0.618 … — which JavaScript repeats.
    golden = np.modf(np.arange(3 * SIZE * SIZE * 3, dtype=np.float64) * 0.6180339887498949)[0]
    images = tf.constant(golden.astype(np.float32).reshape(3, SIZE, SIZE, 3))
    before_softmax = tf.keras.Model(model.inputs, model.layers[-2].output)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = before_softmax(2.0 * images - 1.0)
        loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits([1, 2, 3], logits))
    gradient = tape.gradient(loss, images).numpy()
    recorded = {
        "logits": np.round(logits.numpy().astype(float), 6).tolist(),
        "gradient": {
            "l2": [round(float(np.linalg.norm(each)), 8) for each in gradient],
            "row12": np.round(gradient[:, 12, 12, :].astype(float), 8).tolist(),
        },
    }
    with open(os.path.join(folder, "recorded.json"), "w") as file:
        json.dump(recorded, file)
        file.write("\n")


main()
