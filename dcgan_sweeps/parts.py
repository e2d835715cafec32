"""The names that a package imports to bring its own model, data set, loss or optimizer.

@dataclass(frozen=True)
class Mine(Model):
    depth: int = number(1, 8)

MINE = Part(Mine, "my_package.networks:build")   # named by an entry point dcgan_sweeps.models

docs/extending.md explains each kind of part.
"""

from dcgan_sweeps.config.fields import Allowed, anything, list_of, number, one_of, some_text
from dcgan_sweeps.config.parts import Part
from dcgan_sweeps.config.schema import Data, Dcgan28, Loss, Model, Optimizer
from dcgan_sweeps.datasets.images import Shape
from dcgan_sweeps.randomness import seed_int

__all__ = [
    "Allowed",
    "Data",
    "Dcgan28",
    "Loss",
    "Model",
    "Optimizer",
    "Part",
    "Shape",
    "anything",
    "list_of",
    "number",
    "one_of",
    "seed_int",
    "some_text",
]
