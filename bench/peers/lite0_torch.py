"""EfficientNet-Lite0 at 224 px in PyTorch: time of the forward pass and of forward + input gradient.

Random weights: time does not depend on them. Answers one line of JSON on standard output for each line "forward" or
"gradient" on standard input, so that another program can take turns with it.

usage: lite0_torch.py BATCH THREADS
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

from lite0_network import Lite0


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
