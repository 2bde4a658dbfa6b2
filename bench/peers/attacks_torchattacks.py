"""torchattacks' attacks for attacks_peers.py: {name: () -> attack on tensors, or None}."""

from peer_common import in_batches, level


def attacks(model, batch, o):
    import torchattacks as T

    eps, steps = level(o, "eps"), dict(alpha=level(o, "step_size"), steps=o.get("steps"))
    targets = dict(n_classes=o.get("targets", 9) + 1)

    def made(attack):
        return in_batches(attack, batch)

    def autoattack():
        # As its AutoAttack composes them, which leaves APGD and FAB at 10 steps.
        each = dict(eps=eps, norm="Linf", seed=0)
        return made(
            T.MultiAttack(
                [
                    T.APGD(model, loss="ce", steps=o["steps"], **each),
                    T.APGDT(model, steps=o["steps"], **targets, **each),
                    T.FAB(model, steps=o["steps"], multi_targeted=True, **targets, **each),
                    T.Square(model, n_queries=o["queries"], **each),
                ]
            )
        )

    return {
        "fgsm": lambda: made(T.FGSM(model, eps=eps)),
        "i_fgsm": lambda: made(T.BIM(model, eps=eps, **steps)),
        "pgd": lambda: made(T.PGD(model, eps=eps, random_start=True, **steps)),
        "mi_fgsm": lambda: made(T.MIFGSM(model, eps=eps, decay=o["decay"], **steps)),
        "di_fgsm": lambda: made(
            T.DIFGSM(
                model, eps=eps, decay=o["decay"], resize_rate=o["smallest"], diversity_prob=o["probability"], **steps
            )
        ),
        "ti_fgsm": lambda: made(
            T.TIFGSM(model, eps=eps, decay=o["decay"], len_kernel=o["kernel_size"], diversity_prob=0, **steps)
        ),
        # Its DeepFool and JSMA take the gradients of all 1000 classes at every step, its untargeted FAB too: hours.
        # Its CW has one constant and no search over it.
        "cw_l2": lambda: made(T.CW(model, c=1, kappa=o["confidence"], steps=o["max_iterations"], lr=o["learning_rate"])),
        "ead": lambda: made(
            T.EADEN(
                model, kappa=o["confidence"], lr=o["learning_rate"], binary_search_steps=o["search_steps"],
                max_iterations=o["max_iterations"], initial_const=o["initial_constant"], beta=o["regularization"],
            )
        ),
        "apgd_ce": lambda: made(T.APGD(model, eps=eps, steps=o["steps"], loss="ce")),
        "apgd_dlr": lambda: made(T.APGD(model, eps=eps, steps=o["steps"], loss="dlr")),
        "apgd_t": lambda: made(T.APGDT(model, eps=eps, steps=o["steps"], **targets)),
        "fab_t": lambda: made(T.FAB(model, eps=eps, steps=o["steps"], multi_targeted=True, **targets)),
        "square": lambda: made(T.Square(model, eps=eps, n_queries=o["queries"])),
        "autoattack": autoattack,
        "spsa": lambda: made(
            T.SPSA(
                model, eps=eps, delta=level(o, "delta"), lr=level(o, "learning_rate"), nb_iter=o["steps"],
                nb_sample=o["samples"],
            )
        ),
    }  # fmt: skip
