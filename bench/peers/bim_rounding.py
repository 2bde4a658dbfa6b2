"""I-FGSM on EfficientNet-Lite0 in PyTorch, in float32 and in float64, for bench/bim-rounding.js.

usage: bim_rounding.py CHECKPOINT IMAGES COUNT STEPS EPS STEP_SIZE

IMAGES as attacks_peers.py takes them; lengths in 0-255 levels. Prints one line of JSON: for the network itself ("relu6") and
for the same weights with a smooth activation in the place of ReLU6 ("smooth"), the L2 of each image after all steps in both
precisions, and after each step the share of pixels whose gradients have other signs in the two.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

from lite0_network import Lite0
from peer_common import SIZE


def smooth(x, sharpness=20):
    """ReLU6 with its two kinks rounded off over about 1 / sharpness."""
    return F.softplus(x, sharpness) - F.softplus(x - 6, sharpness)


def descend(network, clean, labels, steps, eps, step):
    x, signs = clean, []
    for _ in range(steps):
        v = x.clone().requires_grad_(True)
        gradient = torch.autograd.grad(F.cross_entropy(network(v), labels, reduction="sum"), v)[0].sign()
        signs.append(gradient.to(torch.int8))
        x = (clean + (x + step * gradient - clean).clamp(-eps, eps)).clamp(0, 1)
    return (x - clean).double().flatten(1).norm(dim=1).tolist(), signs


def main():
    checkpoint, images, count, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    eps, step = float(sys.argv[5]) / 255, float(sys.argv[6]) / 255
    torch.set_num_threads(1)
    raw = np.fromfile(images, dtype=np.uint8)
    pixels = count * SIZE * SIZE * 3 * 4
    x = torch.from_numpy(raw[:pixels].view(np.float32).reshape(count, SIZE, SIZE, 3).copy()).permute(0, 3, 1, 2)
    y = torch.from_numpy(raw[pixels:].view(np.int32).astype(np.int64))
    result = {}
    for name, activation in (("relu6", F.relu6), ("smooth", smooth)):
        of = {}
        for precision in ("float32", "float64"):
            network = Lite0(checkpoint)
            network.activation = activation
            if precision == "float64":
                network.in_float64()
            of[precision] = descend(network, x.double() if precision == "float64" else x, y, steps, eps, step)
        result[name] = {precision: l2 for precision, (l2, _) in of.items()}
        signs = zip(of["float32"][1], of["float64"][1])
        result[name]["differing"] = [float((a != b).double().mean()) for a, b in signs]
    print(json.dumps(result))


main()
