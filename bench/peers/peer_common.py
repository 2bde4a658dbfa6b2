"""What the adapters of attacks_peers.py share."""

import torch

SIZE, CLASSES = 224, 1000


def in_batches(attack, batch):
    """An attack on tensors, `batch` images at a time."""
    return lambda x, y: torch.cat([attack(a, b).detach() for a, b in zip(x.split(batch), y.split(batch))])


def level(options, name):
    """A length of 0-255 levels in [0, 1]."""
    return options[name] / 255 if name in options else None


def second_class(model, x, y):
    """The class with the highest logit beside the label, of each image."""
    with torch.no_grad():
        logits = model.network(x).clone()
    logits[torch.arange(len(y)), y] = -float("inf")
    return logits.argmax(1).numpy()
