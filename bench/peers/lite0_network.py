"""EfficientNet-Lite0 at 224 px in PyTorch, arranged as fast as PyTorch allows on a CPU: batch norms folded into the
convolutions, channels-last activations and weights, weights frozen, so that a backward pass computes the gradient of
the input alone. Takes NCHW images in [0, 1].
"""

import math

import torch
import torch.nn.functional as F

# repeats, kernel, stride, expansion, channels
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
BATCH_NORM_EPS = 1e-3


def drawn(_conv, _norm, out, inside, k):
    """Random weights: time does not depend on them."""
    w = torch.randn(out, inside, k, k) * math.sqrt(2 / (inside * k * k))
    return w.contiguous(memory_format=torch.channels_last), torch.randn(out) * 0.1


def read_from(path):
    """Weights of the published checkpoint (efficientnet-lite0-57934424.pth), batch norms folded in."""
    state = torch.load(path, map_location="cpu", weights_only=True)

    def folded(conv, norm, *_shape):
        mean, var, gamma, beta = (state[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        scale = gamma / torch.sqrt(var + BATCH_NORM_EPS)
        w = state[f"{conv}.weight"] * scale[:, None, None, None]
        return w.contiguous(memory_format=torch.channels_last), beta - mean * scale

    return folded, (state["_fc.weight"], state["_fc.bias"])


def same(x, k, stride):
    """TensorFlow's SAME padding, which PyTorch's own cannot express for stride 2."""
    size = x.shape[-1]
    pad = max((math.ceil(size / stride) - 1) * stride + k - size, 0)
    return F.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2)) if stride > 1 else x


def conv(x, layer, k=1, stride=1, groups=1):
    padding = 0 if stride > 1 else k // 2
    return F.conv2d(same(x, k, stride), layer[0], layer[1], stride=stride, padding=padding, groups=groups)


class Lite0(torch.nn.Module):
    def __init__(self, checkpoint=None):
        super().__init__()
        weights, classes = read_from(checkpoint) if checkpoint else (drawn, (torch.randn(1000, 1280) * 0.03, torch.zeros(1000)))
        self.stem = weights("_conv_stem", "_bn0", 32, 3, 3)
        self.blocks = []
        channels = 32
        for repeats, k, stride, expansion, out in STAGES:
            for i in range(repeats):
                name, wide = f"_blocks.{len(self.blocks)}.", channels * expansion
                expand = weights(f"{name}_expand_conv", f"{name}_bn0", wide, channels, 1) if expansion > 1 else None
                depthwise = weights(f"{name}_depthwise_conv", f"{name}_bn1", wide, 1, k)
                project = weights(f"{name}_project_conv", f"{name}_bn2", out, wide, 1)
                self.blocks.append((k, stride if i == 0 else 1, expand, depthwise, project))
                channels = out
        self.head = weights("_conv_head", "_bn1", 1280, channels, 1)
        self.classes = classes
        self.activation = F.relu6
        # Libraries ask a model's parameters which device it is on.
        self.device_of = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def in_float64(self):
        """Turns the weights, which are no parameters, to float64."""
        double = lambda layer: layer and tuple(t.double() for t in layer)
        self.stem, self.head, self.classes = double(self.stem), double(self.head), double(self.classes)
        self.blocks = [(k, stride, *map(double, layers)) for k, stride, *layers in self.blocks]
        return self

    def forward(self, x):
        x = ((x * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
        x = self.activation(conv(x, self.stem, 3, 2))
        for k, stride, expand, depthwise, project in self.blocks:
            y = self.activation(conv(x, expand)) if expand else x
            y = self.activation(conv(y, depthwise, k, stride, groups=y.shape[1]))
            y = conv(y, project)
            x = x + y if stride == 1 and x.shape == y.shape else y
        x = self.activation(conv(x, self.head)).mean((2, 3))
        return F.linear(x, *self.classes)
