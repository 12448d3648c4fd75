"""``amcspice train``: the group of trainings."""

from __future__ import annotations

import click

from amcspice.cli import LazyGroup

__all__ = ["train"]


@click.group(
    cls=LazyGroup,
    commands_at={
        "letters": ("amcspice.cli.train_pictures:letters", "Train on handwritten letters."),
        "digits": ("amcspice.cli.train_pictures:digits", "Train on handwritten digits."),
        "noise": ("amcspice.cli.train_noise:noise", "Epochs against write noise."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: amcspice train digits --inverse exact,analog --levels 16 --write-noise 0.02",
)
def train() -> None:
    """Train small networks, and compare how many epochs that takes.

    Optimisers of first order and K-FAC, whose curvature is inverted digitally or in arrays, see
    the same pictures, begin with the same weights and are judged on the same seeds.
    """
