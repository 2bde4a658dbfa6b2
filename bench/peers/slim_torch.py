"""A network of tf-slim at 299 px in PyTorch, channels-last, weights frozen: the forward pass, and forward + input gradient.

Random weights: time does not depend on them. usage: slim_torch.py NETWORK BATCH THREADS
"""

import math
import sys

import torch
import torch.nn.functional as F

from slim_networks import NETWORKS
from turns import take_turns


class Ops:
    """Layers are made as the first pass comes to them, and taken in the same order by those after it."""

    def __init__(self):
        self.layers = []
        self.at = 0

    def start(self):
        self.at = 0

    def layer(self, make):
        if self.at == len(self.layers):
            self.layers.append(make())
        self.at += 1
        return self.layers[self.at - 1]

    def conv(self, x, out, kernel, stride=1, padding="same", relu=True):
        h, w = kernel

        def make():
            fan_in = x.shape[1] * h * w
            weight = torch.randn(out, x.shape[1], h, w) * math.sqrt(2 / fan_in)
            return weight.contiguous(memory_format=torch.channels_last), torch.randn(out) * 0.1

        weight, bias = self.layer(make)
        y = F.conv2d(x, weight, bias, stride=stride, padding=0 if padding == "valid" else (h // 2, w // 2))
        return F.relu(y, inplace=True) if relu else y

    def norm_relu(self, x):
        channels = x.shape[1]
        gamma, beta, mean, var = self.layer(
            lambda: (torch.rand(channels) + 0.5, torch.randn(channels) * 0.1, torch.randn(channels) * 0.1, torch.rand(channels) + 0.5)
        )
        return F.relu(F.batch_norm(x, mean, var, gamma, beta, False, 0.0, 1e-5), inplace=True)

    def max_pool(self, x, size, stride, padding):
        if padding == "same":  # TensorFlow puts the odd row behind; of 150 pixels, none is missing before.
            x = F.pad(x, (0, 1, 0, 1), value=-math.inf)
        return F.max_pool2d(x, size, stride)

    def average_pool(self, x):
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    def add(self, a, b):
        return a + b

    def concat(self, parts):
        return torch.cat(parts, 1)

    def head(self, x, classes):
        x = x.mean((2, 3))
        weight, bias = self.layer(lambda: (torch.randn(classes, x.shape[1]) * 0.03, torch.zeros(classes)))
        return F.linear(x, weight, bias)


def main():
    name, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    ops = Ops()
    images = torch.rand(batch, 3, 299, 299).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch) * 7 % 1001

    def logits(x):
        ops.start()
        return NETWORKS[name](ops, x * 2 - 1)

    def forward():
        with torch.inference_mode():
            logits(images)

    def gradient():
        x = images.clone().requires_grad_(True)
        torch.autograd.grad(F.cross_entropy(logits(x), labels, reduction="sum"), x)

    with torch.no_grad():
        logits(images)
    take_turns(torch.__version__, {"forward": forward, "gradient": gradient}, batch)


main()
