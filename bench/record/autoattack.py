"""Records what torchattacks' Square, FAB and AutoAttack's parts make of the network of
packages/attacks/src/testing/formula-network.ts, on more of its images.

    python bench/record/autoattack.py > packages/attacks/src/testing/autoattack.json

Needs torch, torchattacks and what gradient_steps.py beside it needs, whose network it takes. torchattacks' AutoAttack
takes 10 steps where the paper takes 100: here its parts are put together with the paper's numbers.
"""

import contextlib
import io
import json

import torch
import torchattacks

with contextlib.redirect_stdout(io.StringIO()):
    from gradient_steps import CLASSES, FEATURES, SIZE, network, tensor, wave

IMAGES = 24
SEEDS = 20
images = tensor(0.5 + 0.5 * wave(IMAGES * FEATURES, 3), IMAGES, SIZE, SIZE, 3).permute(0, 3, 1, 2).contiguous()
best, second = network(images).detach().topk(2).values.unbind(1)
labels = network(images).argmax(1)
NORMS = {"linf": "Linf", "l2": "L2", "l1": "L1"}
ORDER = {"linf": float("inf"), "l2": 2, "l1": 1}


def broken(adversarial):
    return (network(adversarial).argmax(1) != labels).int()


def square(norm, eps, queries):
    """How many images are broken, on average over seeds."""
    attacks = [
        torchattacks.Square(network, norm=NORMS[norm], eps=eps / 255, n_queries=queries, seed=seed) for seed in range(SEEDS)
    ]
    mean = sum(int(broken(attack(images, labels)).sum()) for attack in attacks) / SEEDS
    return {"norm": norm, "eps": eps, "queries": queries + 1, "broken": mean}


def fab(norm, targeted):
    """The length of the smallest change, from the clean image; None where there is none."""
    attack = torchattacks.FAB(network, norm=NORMS[norm], steps=20, multi_targeted=targeted)
    attack.target_class = 2
    single = attack.attack_single_run_targeted if targeted else attack.attack_single_run
    adversarial = single(images, labels)
    lengths = (adversarial - images).flatten(1).norm(dim=1, p=ORDER[norm]).tolist()
    return [round(length, 6) if done else None for length, done in zip(lengths, broken(adversarial).tolist())]


def standard(norm, eps):
    """1 for each image that AutoAttack breaks."""
    common = {"norm": NORMS[norm], "eps": eps / 255, "seed": 0}
    multi = torchattacks.MultiAttack(
        [
            torchattacks.APGD(network, steps=100, loss="ce", **common),
            torchattacks.APGDT(network, steps=100, n_classes=CLASSES, **common),
            torchattacks.FAB(network, steps=100, multi_targeted=True, n_classes=CLASSES, **common),
            torchattacks.Square(network, n_queries=5000, **common),
        ]
    )
    return {"norm": norm, "eps": eps, "broken": broken(multi(images, labels)).tolist()}


with contextlib.redirect_stdout(io.StringIO()):
    recorded = {
        "versions": {"torch": torch.__version__, "torchattacks": torchattacks.__version__},
        "labels": labels.tolist(),
        "margins": [round(float(margin), 6) for margin in best - second],
        "square": [square("linf", 0.5, 20), square("linf", 0.5, 200), square("l2", 10, 20), square("l2", 10, 200)],
        "fab": {norm: fab(norm, False) for norm in NORMS},
        "fab_t": {norm: fab(norm, True) for norm in NORMS},
        "standard": [standard(norm, eps) for norm, eps in (("linf", 0.25), ("linf", 0.5), ("l2", 3), ("l2", 6))],
    }
print(json.dumps(recorded, indent=2))
