"""Foolbox's attacks for attacks_peers.py: {name: () -> attack on tensors, or None}."""

from peer_common import in_batches, level, SIZE


def attacks(model, batch, o):
    import foolbox as fb

    A, wrapped = fb.attacks, fb.PyTorchModel(model, bounds=(0, 1), device="cpu")
    steps = dict(abs_stepsize=level(o, "step_size"), steps=o.get("steps"))
    eps = level(o, "eps")

    def made(attack, eps=None):
        return in_batches(lambda x, y: attack(wrapped, x, y, epsilons=eps)[1], batch)

    def raw(attack):
        """What a minimal-norm attack found, kept where it is none as well."""
        return in_batches(lambda x, y: attack(wrapped, x, y, epsilons=None)[0], batch)

    return {
        "fgsm": lambda: made(A.LinfFastGradientAttack(), eps),
        "i_fgsm": lambda: made(A.LinfBasicIterativeAttack(**steps), eps),
        "pgd": lambda: made(A.LinfPGD(**steps), eps),
        "mi_fgsm": lambda: made(A.LinfMomentumIterativeFastGradientMethod(momentum=o["decay"], **steps), eps),
        "deepfool": lambda: made(
            A.L2DeepFoolAttack(steps=o["max_iterations"], candidates=o["candidates"], overshoot=o["overshoot"])
        ),
        "cw_l2": lambda: made(
            A.L2CarliniWagnerAttack(
                binary_search_steps=o["search_steps"],
                steps=o["max_iterations"],
                stepsize=o["learning_rate"],
                confidence=o["confidence"],
                initial_const=o["initial_constant"],
                # Its abort stops a whole batch at the first tenth without progress: distances are 8 times as large.
                abort_early=False,
            )
        ),
        "ddn": lambda: raw(A.DDNAttack(steps=o["steps"])),
        # Its L2FMN divides a norm by itself: the change is never brought into the ball.
        "fmn": lambda: raw(A.LInfFMNAttack(steps=o["steps"])),
        "ead": lambda: raw(
            A.EADAttack(
                binary_search_steps=o["search_steps"],
                steps=o["max_iterations"],
                initial_stepsize=o["learning_rate"],
                confidence=o["confidence"],
                initial_const=o["initial_constant"],
                regularization=o["regularization"],
                abort_early=False,
            )
        ),
        "hop_skip_jump": lambda: raw(A.HopSkipJumpAttack(steps=o["steps"])),
        "boundary": lambda: raw(A.BoundaryAttack(steps=o["steps"])),
        "gaussian_noise": lambda: made(
            A.L2AdditiveGaussianNoiseAttack(), level(o, "std") * (3 * SIZE * SIZE) ** 0.5
        ),
        "uniform_noise": lambda: made(A.LinfAdditiveUniformNoiseAttack(), eps),
    }
