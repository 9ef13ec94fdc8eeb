"""Pages at half the price: submitted now, collected hours later, each bought once whatever happens in between."""

from .batch import Batch
from .lines import PartLimits
from .parts import Pace

__all__ = ["Batch", "Pace", "PartLimits"]
