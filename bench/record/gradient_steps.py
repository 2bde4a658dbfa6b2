"""Records what Foolbox and torchattacks make of the network of packages/attacks/src/testing/formula-network.ts: the L2
norm of each image's change.

    python bench/record/gradient_steps.py > packages/attacks/src/testing/gradient-steps.json

Needs torch, foolbox and torchattacks (and scipy, which torchattacks imports).
"""

import json

import foolbox
import numpy
import torch
import torchattacks

SIZE, HIDDEN, CLASSES, IMAGES = 8, 16, 5, 6
FEATURES = SIZE * SIZE * 3


def wave(count, phase):
    k = numpy.arange(count, dtype=numpy.float64)
    return numpy.sin(12.9898 * k + phase) * numpy.cos(0.7071 * k)


def tensor(values, *shape):
    return torch.tensor(values.astype(numpy.float32)).reshape(*shape)


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Parameter(tensor(0.5 * wave(FEATURES * HIDDEN, 1), FEATURES, HIDDEN))
        self.second = torch.nn.Parameter(tensor(3 * wave(HIDDEN * CLASSES, 2), HIDDEN, CLASSES))

    def forward(self, images):
        return torch.tanh((images.permute(0, 2, 3, 1).flatten(1) - 0.5) @ self.first) @ self.second


network = Network().eval()
images = tensor(0.5 + 0.5 * wave(IMAGES * FEATURES, 3), IMAGES, SIZE, SIZE, 3).permute(0, 3, 1, 2).contiguous()
labels = network(images).argmax(1)
model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")


def by_foolbox(attack, eps):
    return attack(model, images, labels, epsilons=eps)[1]


attacks = foolbox.attacks
adversarial = {
    "foolbox BIM": by_foolbox(attacks.LinfBasicIterativeAttack(abs_stepsize=1 / 255, steps=10, random_start=False), 4 / 255),
    "foolbox L2PGD": by_foolbox(attacks.L2PGD(abs_stepsize=20 / 255, steps=10, random_start=False), 100 / 255),
    "torchattacks MIFGSM": torchattacks.MIFGSM(network, eps=8 / 255, alpha=1 / 255, steps=10, decay=0.9)(images, labels),
    "torchattacks TIFGSM": torchattacks.TIFGSM(
        network, eps=8 / 255, alpha=1 / 255, steps=10, decay=0.9, len_kernel=5, nsig=3, diversity_prob=0.0
    )(images, labels),
    "torchattacks TIFGSM linear": torchattacks.TIFGSM(
        network, eps=8 / 255, alpha=1 / 255, steps=10, decay=0.0, kernel_name="linear", len_kernel=5, diversity_prob=0.0
    )(images, labels),
}
print(
    json.dumps(
        {
            "versions": {"torch": torch.__version__, "foolbox": foolbox.__version__, "torchattacks": torchattacks.__version__},
            "labels": labels.tolist(),
            "l2": {
                name: [round(float(v), 6) for v in (x - images).flatten(1).norm(dim=1)] for name, x in adversarial.items()
            },
        },
        indent=2,
    )
)
