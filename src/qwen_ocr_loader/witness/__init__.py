"""A second reading of a page, to lend boxes to the first and to bear it out: ``witness="local"``."""

from .comparison import witnessed
from .reading import Witness

__all__ = ["Witness", "witnessed"]
