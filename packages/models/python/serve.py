"""A network of the user's own in Python, asked by SHIELD over standard input and output.

Each message is four bytes (little-endian) with the length of a JSON object, the object, and `bytes` bytes of float32 values
in the machine's order behind it. The process ends with its standard input: when whoever asks is gone.

`load` of the user's file gives a torch.nn.Module, a Keras or TensorFlow model, or an object with `logits(images)` and, if it
has gradients, `vjp(images, dy)`, over numpy arrays.
"""

import hashlib
import importlib.util
import json
import os
import struct
import sys
import traceback
from collections import OrderedDict

import numpy as np

# Whatever the user's code prints must not end among the messages.
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
sys.stdout = sys.stderr
questions = sys.stdin.buffer

# Graphs that wait for their gradient; an attack that averages over draws asks for that many before the first goes back.
KEPT = 16


def read(length):
    data = questions.read(length)
    if len(data) < length:
        sys.exit(0)
    return data


def receive():
    (length,) = struct.unpack("<I", read(4))
    head = json.loads(read(length))
    return head, np.frombuffer(read(head.get("bytes", 0)), np.float32)


def send(head, values=None):
    data = b"" if values is None else np.ascontiguousarray(values, np.float32).tobytes()
    text = json.dumps({**head, "bytes": len(data)}).encode()
    answers.write(struct.pack("<I", len(text)) + text + data)
    answers.flush()


class Unusable(Exception):
    """Something about the user's file, told without a traceback."""


def output_of(value):
    """Logits of what networks give: a tensor, or the first of several, or an object that has them."""
    if hasattr(value, "logits"):
        return value.logits
    if isinstance(value, dict):
        return value["logits"] if "logits" in value else next(iter(value.values()))
    return value[0] if isinstance(value, (tuple, list)) else value


class Torch:
    gradients = True

    def __init__(self, network, options):
        import torch

        self.torch = torch
        if options["threads"]:
            torch.set_num_threads(options["threads"])
        wanted = options["device"]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else torch.device(wanted)
        self.network = network.eval().to(self.device)
        self.channels_first = options["layout"] == "nchw"
        self.kept = OrderedDict()
        self.next = 0
        # Gradients towards weights would cost time and serve nobody.
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)

    @property
    def framework(self):
        return f"torch {self.torch.__version__} on {self.device}"

    def digest(self):
        state = self.network.state_dict()
        return digest_of((name, each.detach().cpu()) for name, each in sorted(state.items()) if hasattr(each, "detach"))

    def logits(self, images, keep):
        torch = self.torch
        x = torch.from_numpy(images.copy()).to(self.device).requires_grad_(keep)
        with torch.set_grad_enabled(keep):
            # The other order of the axes as a view: in memory the channels stay last, which PyTorch is fastest with.
            logits = output_of(self.network(x.permute(0, 3, 1, 2) if self.channels_first else x))
        number = None
        if keep:
            number, self.next = self.next, self.next + 1
            self.kept[number] = (x, logits)
            if len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        return logits.detach().to("cpu", torch.float32).numpy(), number

    def vjp(self, number, dy):
        x, logits = self.kept.pop(number)
        if not logits.requires_grad:
            raise Unusable("its logits do not depend on the images in a way that PyTorch follows (no_grad, detach, numpy?)")
        (gradient,) = self.torch.autograd.grad(logits, x, self.torch.from_numpy(dy.copy()).to(logits))
        return gradient.detach().to("cpu", self.torch.float32).numpy()


class TensorFlow:
    gradients = True

    def __init__(self, network, options):
        import tensorflow as tf

        self.tf = tf
        if options["threads"]:
            tf.config.threading.set_intra_op_parallelism_threads(options["threads"])
        self.network = network
        self.channels_first = options["layout"] == "nchw"
        self.kept = OrderedDict()
        self.next = 0

    @property
    def framework(self):
        return f"tensorflow {self.tf.__version__}"

    def digest(self):
        weights = getattr(self.network, "weights", None) or getattr(self.network, "variables", ())
        return digest_of((str(i), np.asarray(each)) for i, each in enumerate(weights))

    def logits(self, images, keep):
        tf = self.tf
        x = tf.constant(images)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            if keep:
                tape.watch(x)
            logits = output_of(self.network(tf.transpose(x, [0, 3, 1, 2]) if self.channels_first else x))
        number = None
        if keep:
            number, self.next = self.next, self.next + 1
            self.kept[number] = (tape, x, logits)
            if len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        return logits.numpy(), number

    def vjp(self, number, dy):
        tape, x, logits = self.kept.pop(number)
        gradient = tape.gradient(logits, x, self.tf.cast(self.tf.constant(dy), logits.dtype))
        if gradient is None:
            raise Unusable("its logits do not depend on the images in a way that TensorFlow follows (numpy?)")
        return gradient.numpy()


class Own:
    framework = f"python {sys.version.split()[0]}"

    def __init__(self, network, options):
        self.network = network
        self.gradients = callable(getattr(network, "vjp", None))
        self.channels_first = options["layout"] == "nchw"
        self.kept = OrderedDict()
        self.next = 0

    def digest(self):
        told = getattr(self.network, "digest", None)
        return str(told() if callable(told) else told) if told is not None else None

    def logits(self, images, keep):
        given = np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if self.channels_first else images
        number = None
        if keep and self.gradients:
            number, self.next = self.next, self.next + 1
            self.kept[number] = given
            if len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        return np.asarray(output_of(self.network.logits(given))), number

    def vjp(self, number, dy):
        gradient = np.asarray(self.network.vjp(self.kept.pop(number), dy))
        return gradient.transpose(0, 2, 3, 1) if self.channels_first else gradient


def digest_of(tensors):
    total = hashlib.sha256()
    for name, each in tensors:
        values = np.ascontiguousarray(each.float().numpy() if hasattr(each, "is_floating_point") and each.is_floating_point() else np.asarray(each))
        total.update(f"{name} {values.dtype} {values.shape}".encode())
        total.update(values.tobytes())
    return total.hexdigest()


def sources(folder):
    """Of the user's own modules, which may lie beside the file: what they are made of."""
    total = hashlib.sha256()
    paths = {getattr(each, "__file__", None) for each in list(sys.modules.values())}
    for path in sorted(path for path in paths if path and path.startswith(folder + os.sep) and path.endswith(".py")):
        if "site-packages" in path:
            continue
        with open(path, "rb") as source:
            total.update(os.path.relpath(path, folder).encode() + b"\0" + source.read() + b"\0")
    return total.hexdigest()


def load(options):
    path, name = options["file"], options["function"]
    folder = os.path.dirname(path)
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("shield_user_model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["shield_user_model"] = module
    spec.loader.exec_module(module)
    make = getattr(module, name, None)
    if not callable(make):
        raise Unusable(f"it has no function {name}")
    network = make(**options["arguments"])
    if network is None:
        raise Unusable(f"{name}() gives nothing: it must return the network")
    kinds = {base.__module__.split(".")[0] for base in type(network).__mro__}
    if "torch" in kinds:
        return Torch(network, options)
    if {"keras", "tensorflow", "tf_keras"} & kinds:
        return TensorFlow(network, options)
    if callable(getattr(network, "logits", None)):
        return Own(network, options)
    expected = "a torch.nn.Module, a Keras or TensorFlow model, or an object with logits(images)"
    raise Unusable(f"{name}() gives a {type(network).__name__}, not {expected}")


def usable(logits, images):
    if logits.ndim != 2 or len(logits) != len(images) or logits.shape[1] < 2:
        raise Unusable(f"its logits have the shape {list(logits.shape)} for {len(images)} images, not [{len(images)}, classes]")
    return logits


def told(error, file):
    """What went wrong, and the last line of the user's own file on the way there."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        return {"reason": f"SyntaxError: {error.msg}", "line": error.lineno}
    reason = str(error) if isinstance(error, Unusable) else f"{type(error).__name__}: {error}"
    return {"reason": reason, **({"line": frames[-1].lineno} if frames else {})}


def main():
    network = None
    file = ""
    while True:
        head, values = receive()
        try:
            if head["op"] == "load":
                file = head["file"]
                network = load(head)
                send(
                    {
                        "framework": network.framework,
                        "gradients": network.gradients,
                        "digest": network.digest(),
                        "sources": sources(os.path.dirname(file)),
                    }
                )
            elif head["op"] == "logits":
                images = values.reshape(head["shape"])
                logits, number = network.logits(images, head["keep"])
                send({"shape": list(usable(logits, images).shape), "kept": number}, logits)
            elif head["number"] not in network.kept:
                send({"gone": True})
            else:
                gradient = network.vjp(head["number"], values.reshape(head["shape"]))
                send({"shape": list(gradient.shape)}, gradient)
        except Exception as error:  # whatever the user's code does
            send({"error": told(error, file)})


main()
