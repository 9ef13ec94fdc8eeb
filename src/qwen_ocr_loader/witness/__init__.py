"""A second reading of a page, to lend boxes to the first and to bear it out: ``witness="local"``."""
