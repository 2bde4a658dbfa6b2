"""Runs attacks of Foolbox, ART, torchattacks and CleverHans on EfficientNet-Lite0 (PyTorch), for bench/attacks.js.

usage: attacks_peers.py CHECKPOINT IMAGES COUNT THREADS

IMAGES is a file of COUNT float32 images [224, 224, 3] in [0, 1], followed by COUNT int32 labels. The first line answered
is {"versions": {...}, "absent": {library: why}}; then one line for each request on standard input:

    {"library": "foolbox", "attack": "i_fgsm", "images": 16, "batch": 16, "seed": 0, "options": {"eps": 4, ...}}

answers {"seconds", "cpu", "success", "l0", "l1", "l2", "linf", "forwards", "gradients"}, or {"unsupported": why}. Lengths in
options are in 0-255 levels. The attacks of each library are in attacks_LIBRARY.py. Passes are counted in images, as the network sees them.
"""

import contextlib
import importlib
import json
import sys
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F

from lite0_network import Lite0
from peer_common import SIZE, in_batches, second_class

NORMS = {"l0": 0, "l1": 1, "l2": 2, "linf": float("inf")}
LIBRARIES = {"foolbox": "foolbox", "art": "art", "torchattacks": "torchattacks", "cleverhans": "cleverhans"}


class CountBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, model):
        ctx.model = model
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        ctx.model.gradients += len(gradient)
        return gradient, None


class Counted(torch.nn.Module):
    """The network, and how many images went forward and came back."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.reset()

    def reset(self):
        self.forwards = self.gradients = 0

    def forward(self, x):
        x = x.float()  # ART's HopSkipJump makes float64 of them
        self.forwards += len(x)
        return self.network(CountBackward.apply(x, self) if x.requires_grad else x)


def plain_gradient(model, batch, _o):
    def run(x, y):
        v = x.clone().requires_grad_(True)
        return torch.autograd.grad(F.cross_entropy(model(v), y, reduction="sum"), v)[0]

    return {"gradient": lambda: in_batches(run, batch)}


def answer(model, x, y, request):
    library = request["library"]
    attacks = plain_gradient if library == "torch" else importlib.import_module(f"attacks_{library}").attacks
    made = attacks(model, request["batch"], request["options"]).get(request["attack"])
    attack = made and made()
    if not attack:
        return {"unsupported": "it has none that can be compared"}
    x, y = x[: request["images"]], y[: request["images"]]
    torch.manual_seed(request["seed"])
    np.random.seed(request["seed"])
    model.reset()
    start, used = time.perf_counter(), time.process_time()
    adversarial = attack(x.clone(), y.clone())
    took = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - used}
    passes = {"forwards": model.forwards / len(x), "gradients": model.gradients / len(x)}
    if request["attack"] == "gradient":
        return {**took, **passes}
    adversarial = adversarial.detach().clamp(0, 1)
    with torch.no_grad():
        said = torch.cat([model.network(part).argmax(1) for part in adversarial.split(16)])
    change = (adversarial - x).double().flatten(1)
    norms = {name: change.norm(p=p, dim=1).tolist() for name, p in NORMS.items()}
    aimed = request["options"].get("target") == "second"
    success = said == torch.from_numpy(second_class(model, x, y)) if aimed else said != y
    return {**took, "success": success.tolist(), **norms, **passes}


def versions():
    found, absent = {"torch": torch.__version__}, {}
    for name, module in LIBRARIES.items():
        try:
            imported = importlib.import_module(module)
            if name == "cleverhans":
                importlib.import_module("cleverhans.torch.attacks.carlini_wagner_l2")
            found[name] = getattr(imported, "__version__", "unknown version")
        except Exception as error:
            absent[name] = f"{type(error).__name__}: {error}"
    return {"versions": found, "absent": absent}


def main():
    checkpoint, images, count, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    warnings.filterwarnings("ignore")
    torch.set_num_threads(threads)
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # the libraries write to standard output
        raw = np.fromfile(images, dtype=np.uint8)
        pixels = count * SIZE * SIZE * 3 * 4
        x = raw[:pixels].view(np.float32).reshape(count, SIZE, SIZE, 3)
        x = torch.from_numpy(x.copy()).permute(0, 3, 1, 2).contiguous()
        y = torch.from_numpy(raw[pixels:].view(np.int32).astype(np.int64))
        model = Counted(Lite0(checkpoint)).eval()
        print(json.dumps(versions()), file=out, flush=True)
        for line in sys.stdin:
            try:
                result = answer(model, x, y, json.loads(line))
            except Exception as error:  # the other attacks go on
                result = {"unsupported": f"{type(error).__name__}: {error}"}
            print(json.dumps(result), file=out, flush=True)


main()
