"""A training step of EfficientNet-Lite0 in PyTorch: forward in training mode, backward, SGD with momentum.

As a user would write it for a CPU, and as fast as that goes: batch norms with the batch's statistics, dropout 0.2
before the classifier, cross-entropy, channels-last activations and weights, the foreach form of the optimizer. Random
weights: time does not depend on them. Answers one line of JSON for each line on standard input.

usage: lite0_training_torch.py BATCH SIZE CLASSES THREADS
"""

import json
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

# repeats, kernel, stride, expansion, channels
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


class Layer(nn.Module):
    """Convolution with TensorFlow's SAME padding, batch norm, ReLU6."""

    def __init__(self, inside, out, k=1, stride=1, groups=1, activated=True):
        super().__init__()
        self.k, self.stride, self.activated = k, stride, activated
        self.conv = nn.Conv2d(inside, out, k, stride, 0 if stride > 1 else k // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x):
        if self.stride > 1:
            size = x.shape[-1]
            pad = max((math.ceil(size / self.stride) - 1) * self.stride + self.k - size, 0)
            x = F.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2))
        x = self.norm(self.conv(x))
        return F.relu6(x, inplace=True) if self.activated else x


class Block(nn.Module):
    def __init__(self, inside, out, k, stride, expansion):
        super().__init__()
        wide = inside * expansion
        layers = [Layer(inside, wide)] if expansion > 1 else []
        layers += [Layer(wide, wide, k, stride, wide), Layer(wide, out, activated=False)]
        self.layers = nn.Sequential(*layers)
        self.skip = stride == 1 and inside == out

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skip else y


def network(classes):
    layers, channels = [Layer(3, 32, 3, 2)], 32
    for repeats, k, stride, expansion, out in STAGES:
        for i in range(repeats):
            layers.append(Block(channels, out, k, stride if i == 0 else 1, expansion))
            channels = out
    layers += [Layer(channels, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, classes)]
    return nn.Sequential(*layers)


def main():
    batch, size, classes, threads = (int(value) for value in sys.argv[1:5])
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    net = network(classes).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, foreach=True)
    images = torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch) % classes
    print(json.dumps({"version": torch.__version__}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net((images * 255 - 127) / 128), labels)
        loss.backward()
        optimizer.step()
        loss.item()
        print(json.dumps({"ms": (time.perf_counter() - start) * 1000}), flush=True)


main()
