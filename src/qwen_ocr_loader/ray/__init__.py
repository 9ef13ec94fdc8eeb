"""Ray Data's door: documents of any number become a Dataset with a row a page, read by actors on all machines.

>>> from qwen_ocr_loader.ray import read_documents
>>> pages = read_documents("s3://bucket/scans/", engine="dashscope", cache="s3://bucket/cache")
>>> pages.write_parquet("s3://bucket/pages/", min_rows_per_file=5_000)

How to size a cluster, what it costs, and when the Batch API is the better way: ``docs/scale.md``.
"""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingDependency

if find_spec("ray") is None or find_spec("pyarrow") is None:
    raise MissingDependency("reading on Ray needs ray[data]; type: pip install 'qwen-ocr-loader[ray]'")

from .columns import page_schema
from .dataset import read_documents
from .limiter import ClusterLimiter
from .listing import ListPages, done_pages
from .objects import ObjectStore
from .reading import ReadPages
from .redis_store import RedisStore

__all__ = [
    "ClusterLimiter",
    "ListPages",
    "ObjectStore",
    "ReadPages",
    "RedisStore",
    "done_pages",
    "page_schema",
    "read_documents",
]
