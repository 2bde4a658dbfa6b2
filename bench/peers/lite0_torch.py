"""EfficientNet-Lite0 at 224 px in PyTorch: time of the forward pass and of forward + input gradient.

Arranged as fast as PyTorch allows on a CPU: batch norms folded into the convolutions, channels-last activations and
weights, weights frozen. Random weights: time does not depend on them. Answers one line of JSON on standard output for
each line "forward" or "gradient" on standard input, so that another program can take turns with it.

usage: lite0_torch.py BATCH THREADS
"""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F

# repeats, kernel, stride, expansion, channels
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


def weights(out, inside, k):
    w = torch.randn(out, inside, k, k) * math.sqrt(2 / (inside * k * k))
    return w.contiguous(memory_format=torch.channels_last), torch.randn(out) * 0.1


def same(x, k, stride):
    """TensorFlow's SAME padding, which PyTorch's own cannot express for stride 2."""
    size = x.shape[-1]
    pad = max((math.ceil(size / stride) - 1) * stride + k - size, 0)
    return F.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2)) if stride > 1 else x


def conv(x, layer, k=1, stride=1, groups=1):
    padding = 0 if stride > 1 else k // 2
    return F.conv2d(same(x, k, stride), layer[0], layer[1], stride=stride, padding=padding, groups=groups)


class Lite0:
    def __init__(self):
        self.stem = weights(32, 3, 3)
        self.blocks = []
        channels = 32
        for repeats, k, stride, expansion, out in STAGES:
            for i in range(repeats):
                wide = channels * expansion
                expand = weights(wide, channels, 1) if expansion > 1 else None
                self.blocks.append((k, stride if i == 0 else 1, expand, weights(wide, 1, k), weights(out, wide, 1)))
                channels = out
        self.head = weights(1280, channels, 1)
        self.classes = torch.randn(1000, 1280) * 0.03, torch.zeros(1000)

    def __call__(self, x):
        x = ((x * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
        x = F.relu6(conv(x, self.stem, 3, 2))
        for k, stride, expand, depthwise, project in self.blocks:
            y = F.relu6(conv(x, expand)) if expand else x
            y = F.relu6(conv(y, depthwise, k, stride, groups=y.shape[1]))
            y = conv(y, project)
            x = x + y if stride == 1 and x.shape == y.shape else y
        x = F.relu6(conv(x, self.head)).mean((2, 3))
        return F.linear(x, *self.classes)


def main():
    batch, threads = int(sys.argv[1]), int(sys.argv[2])
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    net = Lite0()
    images = torch.rand(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch) * 7 % 1000

    def forward():
        with torch.inference_mode():
            net(images)

    def gradient():
        x = images.clone().requires_grad_(True)
        loss = F.cross_entropy(net(x), labels, reduction="sum")
        torch.autograd.grad(loss, x)

    tasks = {"forward": forward, "gradient": gradient}
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        tasks[line.strip()]()
        print(json.dumps({"ms": (time.perf_counter() - start) * 1000 / batch}), flush=True)


main()
