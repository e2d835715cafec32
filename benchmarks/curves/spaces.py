"""The search spaces whose learning curves are in a bank, with the runs of each.

space = SPACES["fcd"]
list(space.list_runs())[0]     # ("0.001", "0.3", "100", "0"): the values of space.keys, and a seed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import qmc

Configuration = tuple[str, ...]  # the values of a space's keys


@dataclass(frozen=True)
class Space:
    """A search space; `draw` maps a point of the unit cube to a configuration."""

    name: str  # of the file in conf/search/
    study: str
    keys: tuple[str, ...]
    default: Configuration
    draw: Callable[[Sequence[float]], Configuration]
    count: int  # configurations beside the default
    shared_seeds: range  # of every configuration
    seeds_of_default: range
    settings: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The short names of the keys."""
        return tuple(key.rpartition(".")[2] for key in self.keys)

    @property
    def table(self) -> Path:
        return Path(__file__).with_name(f"{self.study}.csv")

    def list_configurations(self) -> list[Configuration]:
        """Return the default, and points that a Sobol sequence spreads evenly."""
        cube = qmc.Sobol(len(self.keys), seed=0).random_base2(self.count.bit_length())
        return [self.default, *(self.draw(point) for point in cube[: self.count].tolist())]

    def list_runs(self) -> Iterator[Configuration]:
        """Return the configuration and the seed of each run; a part of them has whole seeds."""
        for seed in self.shared_seeds:
            for each in self.list_configurations():
                yield (*each, str(seed))
        for seed in self.seeds_of_default[len(self.shared_seeds) :]:
            yield (*self.default, str(seed))


def draw_fcd(point: Sequence[float]) -> Configuration:
    """Return learning rate, dropout and latent size."""
    lr, dropout, latent_dim = point
    return draw_rate(lr), str(round(0.6 * dropout, 2)), str(round(16 * 16**latent_dim))


def draw_rate(share: float) -> str:
    """Return a learning rate from 1e-4 to 4e-3, evenly spread on the logarithmic scale."""
    return str(float(f"{1e-4 * 40**share:.3g}"))


def draw_wide(point: Sequence[float]) -> Configuration:
    """Return those, the discriminator's learning rate, beta_1, and how fakes are normalised."""
    *rest, lr_discriminator, beta_1, batch_norm = point
    chosen = "inference" if batch_norm < 0.5 else "batch"
    return (*draw_fcd(rest), draw_rate(lr_discriminator), str(round(0.95 * beta_1, 2)), chosen)


FCD_KEYS = ("optimizer.lr", "model.dropout", "model.latent_dim")
WIDE_KEYS = (*FCD_KEYS, "optimizer.lr_discriminator", "optimizer.beta_1", "train.fake_batch_norm")
SPACES = {
    "fcd": Space(
        "fcd", "curves", FCD_KEYS, ("0.001", "0.3", "100"), draw_fcd, 32, range(4), range(12)
    ),
    "wide": Space(
        "wide",
        "curves_wide",
        WIDE_KEYS,
        ("0.001", "0.3", "100", "0.001", "0.9", "inference"),
        draw_wide,
        23,
        range(3),
        range(6),
        ("train.ema=0.995",),
    ),
}
