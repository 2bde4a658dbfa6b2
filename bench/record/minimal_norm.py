"""Records what Foolbox's minimal-norm attacks make of the network of packages/attacks/src/testing/formula-network.ts: the
L2 norm of each image's change.

    python bench/record/minimal_norm.py > packages/attacks/src/testing/minimal-norm.json

Needs torch, foolbox and what gradient_steps.py beside it needs, whose network and images it takes.
"""

import contextlib
import io
import json

import foolbox

with contextlib.redirect_stdout(io.StringIO()):
    from gradient_steps import images, labels, model

attacks = {
    "foolbox L2DeepFool": foolbox.attacks.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02, loss="logits"),
    "foolbox L2DeepFool, 3 candidates": foolbox.attacks.L2DeepFoolAttack(
        steps=50, candidates=3, overshoot=0.1, loss="logits"
    ),
}
l2 = {}
for name, attack in attacks.items():
    _, adversarial, success = attack(model, images, labels, epsilons=None)
    assert bool(success.all()), name
    l2[name] = [round(float(v), 6) for v in (adversarial - images).flatten(1).norm(dim=1)]
print(json.dumps({"versions": {"foolbox": foolbox.__version__}, "labels": labels.tolist(), "l2": l2}, indent=2))
