"""ART's attacks for attacks_peers.py: {name: () -> attack on tensors, or None}."""

import numpy as np
import torch

from peer_common import CLASSES, SIZE, in_batches, level, second_class


def attacks(model, batch, o):
    import art.attacks.evasion as E
    from art.estimators.classification import PyTorchClassifier

    def classifier(network=model):
        return PyTorchClassifier(
            network,
            loss=torch.nn.CrossEntropyLoss(),
            input_shape=(3, SIZE, SIZE),
            nb_classes=CLASSES,
            clip_values=(0.0, 1.0),
            device_type="cpu",
        )

    logits = classifier()
    eps, quiet = dict(eps=level(o, "eps"), batch_size=batch), dict(verbose=False)
    steps = dict(eps_step=level(o, "step_size"), max_iter=o.get("steps"), **quiet)

    def made(attack):
        return lambda x, y: torch.from_numpy(attack.generate(x.numpy(), y=y.numpy()))

    def apgd(loss):
        # Its first step is 2 * eps whatever eps_step says, as in the paper.
        return made(
            E.AutoProjectedGradientDescent(
                logits, norm=np.inf, eps_step=2 * level(o, "eps"), nb_random_init=1, loss_type=loss,
                eps=level(o, "eps"), batch_size=batch, max_iter=o["steps"], **quiet,
            )
        )  # fmt: skip

    def jsma():
        # ART differentiates whatever the network gives; the paper has probabilities, whose logarithms order alike.
        attack = E.SaliencyMapMethod(
            classifier(torch.nn.Sequential(model, torch.nn.LogSoftmax(dim=1))),
            theta=level(o, "theta"), gamma=o["gamma"], batch_size=batch, **quiet,
        )  # fmt: skip
        return lambda x, y: torch.from_numpy(attack.generate(x.numpy().copy(), y=second_class(model, x, y)))

    return {
        "fgsm": lambda: made(E.FastGradientMethod(logits, norm=np.inf, **eps)),
        "i_fgsm": lambda: made(E.BasicIterativeMethod(logits, **eps, **steps)),
        "pgd": lambda: made(E.ProjectedGradientDescent(logits, norm=np.inf, num_random_init=1, **eps, **steps)),
        "mi_fgsm": lambda: made(E.MomentumIterativeMethod(logits, norm=np.inf, decay=o["decay"], **eps, **steps)),
        # One image at a time: it takes the gradients of the candidates of all images of a call for each of them.
        "deepfool": lambda: in_batches(
            made(
                E.DeepFool(
                    logits, max_iter=o["max_iterations"], epsilon=o["overshoot"], nb_grads=o["candidates"],
                    batch_size=1, **quiet,
                )
            ),
            1,
        ),
        # Its own 10 x 10 steps (each a line search); batch size 1: with more it runs a backward for each distinct label.
        "cw_l2": lambda: made(
            E.CarliniL2Method(
                logits, confidence=o["confidence"], learning_rate=o["learning_rate"], binary_search_steps=10,
                max_iter=10, initial_const=o["initial_constant"], batch_size=1, **quiet,
            )
        ),
        "ead": lambda: made(
            E.ElasticNet(
                logits, confidence=o["confidence"], learning_rate=o["learning_rate"],
                binary_search_steps=o["search_steps"], max_iter=o["max_iterations"], beta=o["regularization"],
                initial_const=o["initial_constant"], batch_size=1, **quiet,
            )
        ),
        "jsma": jsma,
        "apgd_ce": lambda: apgd("cross_entropy"),
        "apgd_dlr": lambda: apgd("difference_logits_ratio"),
        "square": lambda: made(
            E.SquareAttack(
                logits, norm=np.inf, max_iter=o["queries"], eps=level(o, "eps"), batch_size=batch, **quiet
            )
        ),
        "hop_skip_jump": lambda: made(
            E.HopSkipJump(logits, norm=2, max_iter=o["steps"], batch_size=64, **quiet)
        ),
    }  # fmt: skip
