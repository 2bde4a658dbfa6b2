"""A network of one's own in PyTorch. This one reads the weights that come with SHIELD's small_cnn, so that it can be held to it."""

import json
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn

WEIGHTS = Path(__file__).parents[2] / "packages" / "models" / "weights" / "small-cnn.safetensors"


class SmallCnn(nn.Module):
    """Four 3x3 convolutions, three of them followed by a 2x2 max pool; [n, 3, 32, 32] in [0, 1] to [n, 10]."""

    def __init__(self):
        super().__init__()
        sizes = [3, 24, 48, 64, 64]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sizes, sizes[1:]))
        self.dense = nn.Linear(1024, 10)

    def forward(self, x):
        x = 4 * x - 2
        for i, convolution in enumerate(self.convolutions):
            x = torch.relu(convolution(x))
            if i < 3:
                x = torch.max_pool2d(x, 2)
        # In the order that the weights were trained for: channels last.
        return self.dense(x.permute(0, 2, 3, 1).flatten(1))


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + length])
    head.pop("__metadata__", None)
    for name, each in head.items():
        start, end = (8 + length + at for at in each["data_offsets"])
        yield name, np.frombuffer(data[start:end], np.float32).reshape(each["shape"])


def load(weights=str(WEIGHTS)):
    """What SHIELD calls; `model.arguments.weights=PATH` names another file."""
    tensors = {name: torch.from_numpy(each.copy()) for name, each in read_safetensors(Path(weights))}
    network = SmallCnn()
    state = {"dense.weight": tensors["dense.kernel"].T, "dense.bias": tensors["dense.bias"]}
    for i in range(4):
        state[f"convolutions.{i}.weight"] = tensors[f"conv{i + 1}.filter"].permute(3, 2, 0, 1)
        state[f"convolutions.{i}.bias"] = tensors[f"conv{i + 1}.bias"]
    network.load_state_dict(state)
    return network
