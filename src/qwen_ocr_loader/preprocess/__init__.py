"""A page's picture made ready for whoever recognises it: ``preprocess=``."""

from .preparation import Prepared, prepared
from .steps import STEPS, Step, in_order, refuse_missing
from .way_back import WayBack

__all__ = ["STEPS", "Prepared", "Step", "WayBack", "in_order", "prepared", "refuse_missing"]
