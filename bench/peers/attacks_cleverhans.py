"""CleverHans' attacks for attacks_peers.py: {name: () -> attack on tensors, or None}."""

import numpy as np

from peer_common import CLASSES, in_batches, level


def attacks(model, batch, o):
    from cleverhans.torch.attacks.carlini_wagner_l2 import carlini_wagner_l2
    from cleverhans.torch.attacks.fast_gradient_method import fast_gradient_method
    from cleverhans.torch.attacks.hop_skip_jump_attack import hop_skip_jump_attack
    from cleverhans.torch.attacks.projected_gradient_descent import projected_gradient_descent
    from cleverhans.torch.attacks.spsa import spsa

    box = dict(clip_min=0.0, clip_max=1.0)
    eps, step, steps = level(o, "eps"), level(o, "step_size"), o.get("steps")

    def made(attack):
        return in_batches(attack, batch)

    def descent(start):
        return made(
            lambda x, y: projected_gradient_descent(model, x, eps, step, steps, np.inf, y=y, rand_init=start, **box)
        )

    return {
        "fgsm": lambda: made(lambda x, y: fast_gradient_method(model, x, eps, np.inf, y=y, **box)),
        "i_fgsm": lambda: descent(False),
        "pgd": lambda: descent(True),
        "cw_l2": lambda: made(
            lambda x, y: carlini_wagner_l2(
                model, x, CLASSES, y=y, lr=o["learning_rate"], confidence=o["confidence"],
                initial_const=o["initial_constant"], binary_search_steps=o["search_steps"],
                max_iterations=o["max_iterations"],
            )
        ),
        "hop_skip_jump": lambda: made(
            lambda x, y: hop_skip_jump_attack(model, x, 2, num_iterations=steps, verbose=False, **box)
        ),
        "spsa": lambda: made(
            lambda x, y: spsa(
                model, x, eps, steps, y=y, learning_rate=level(o, "learning_rate"), delta=level(o, "delta"),
                spsa_samples=o["samples"], **box,
            )
        ),
    }  # fmt: skip
