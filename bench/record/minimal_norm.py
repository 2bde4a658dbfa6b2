"""Records what Foolbox's minimal-norm attacks, and ART's JSMA, make of the network of
packages/attacks/src/testing/formula-network.ts: the L2 norm of each image's change, and the norm that each minimises.
Foolbox's L2FMN is left out: its projection divides a norm by itself, so the change is never brought into the ball.

    python bench/record/minimal_norm.py > packages/attacks/src/testing/minimal-norm.json

Needs torch, foolbox, adversarial-robustness-toolbox and what gradient_steps.py beside it needs, whose network and images it takes.
"""

import contextlib
import io
import json

import foolbox
import numpy
import torch
from art.attacks.evasion import SaliencyMapMethod
from art.estimators.classification import PyTorchClassifier

with contextlib.redirect_stdout(io.StringIO()):
    from gradient_steps import CLASSES, SIZE, images, labels, model, network

attacks = {
    "foolbox L2DeepFool": foolbox.attacks.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02, loss="logits"),
    "foolbox L2DeepFool, 3 candidates": foolbox.attacks.L2DeepFoolAttack(
        steps=50, candidates=3, overshoot=0.1, loss="logits"
    ),
    "foolbox LinfDeepFool": foolbox.attacks.LinfDeepFoolAttack(steps=50, candidates=10, overshoot=0.02, loss="logits"),
}
minimal = {
    "foolbox DDN": (foolbox.attacks.DDNAttack(steps=50, init_epsilon=0.1), 2),
    "foolbox LInfFMN": (foolbox.attacks.LInfFMNAttack(steps=50), float("inf")),
    "foolbox L1FMN": (foolbox.attacks.L1FMNAttack(steps=50), 1),
    "foolbox L0FMN": (foolbox.attacks.L0FMNAttack(steps=50), 0),
    "foolbox EAD": (foolbox.attacks.EADAttack(steps=100, abort_early=False, decision_rule="EN"), 1),
    "foolbox EAD, L1": (foolbox.attacks.EADAttack(steps=100, abort_early=False, decision_rule="L1"), 1),
}
l2, norms = {}, {}


def norm_of(changes, p):
    return [round(float(v), 6) for v in changes.flatten(1).norm(p=p, dim=1)]


for name, attack in attacks.items():
    _, adversarial, success = attack(model, images, labels, epsilons=None)
    assert bool(success.all()), name
    l2[name] = norm_of(adversarial - images, 2)
for name, (attack, p) in minimal.items():
    _, adversarial, success = attack(model, images, labels, epsilons=None)
    assert bool(success.all()), name
    norms[name] = norm_of(adversarial - images, p)

# ART differentiates whatever the network gives; the paper has probabilities, whose logarithms order alike.
probabilities = torch.nn.Sequential(network, torch.nn.LogSoftmax(dim=1))
classifier = PyTorchClassifier(
    probabilities, torch.nn.CrossEntropyLoss(), (3, SIZE, SIZE), CLASSES, clip_values=(0, 1), device_type="cpu"
)
targets = (labels.numpy() + 1) % CLASSES
jsma = SaliencyMapMethod(classifier, theta=1.0, gamma=1.0, batch_size=len(labels), verbose=False)
adversarial = torch.tensor(jsma.generate(images.numpy().copy(), numpy.eye(CLASSES)[targets]))
assert (network(adversarial).argmax(1).numpy() == targets).all()
norms["art JSMA, the next class"] = norm_of(adversarial - images, 0)
print(
    json.dumps(
        {"versions": {"foolbox": foolbox.__version__}, "labels": labels.tolist(), "l2": l2, "norms": norms}, indent=2
    )
)
