"""A page's picture made ready for whoever recognises it: ``preprocess=``."""
