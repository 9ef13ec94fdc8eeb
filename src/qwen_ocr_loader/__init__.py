"""Scans in, citable Documents out.

>>> from qwen_ocr_loader import Reader
>>> for page in Reader(engine="local").read("scan.pdf"):
...     print(page.page, page.text)

LangChain's loader is in ``qwen_ocr_loader.langchain``, LlamaIndex's reader in ``qwen_ocr_loader.llama_index``, marked
pages in ``qwen_ocr_loader.highlight``, the viewer in ``qwen_ocr_loader.view``. The names below load their modules when
they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch import Batch
    from .citations import locate, split_with_boxes
    from .download import Download
    from .draw import Overlay
    from .engines.base import Engine, Scan
    from .engines.dashscope import DashScopeEngine
    from .engines.fake import FakeEngine
    from .engines.local import LocalEngine
    from .engines.openai import OpenAIEngine
    from .errors import EngineError, MissingDependency, OCRError, SourceError
    from .geometry import Point, Quad
    from .options import Options
    from .pace import RateLimit, Retry
    from .reader import Reader
    from .report import ReadPage, Report
    from .results import Field, Line, PageResult, Table, Usage

__version__ = "0.1.0.dev0"

__all__ = [
    "Batch",
    "DashScopeEngine",
    "Download",
    "Engine",
    "EngineError",
    "FakeEngine",
    "Field",
    "Line",
    "LocalEngine",
    "MissingDependency",
    "OCRError",
    "OpenAIEngine",
    "Options",
    "Overlay",
    "PageResult",
    "Point",
    "Quad",
    "RateLimit",
    "ReadPage",
    "Reader",
    "Report",
    "Retry",
    "Scan",
    "SourceError",
    "Table",
    "Usage",
    "locate",
    "split_with_boxes",
]

_HOMES = {
    "batch": ("Batch",),
    "citations": ("locate", "split_with_boxes"),
    "download": ("Download",),
    "draw": ("Overlay",),
    "engines.base": ("Engine", "Scan"),
    "engines.dashscope": ("DashScopeEngine",),
    "engines.fake": ("FakeEngine",),
    "engines.local": ("LocalEngine",),
    "engines.openai": ("OpenAIEngine",),
    "errors": ("EngineError", "MissingDependency", "OCRError", "SourceError"),
    "geometry": ("Point", "Quad"),
    "options": ("Options",),
    "pace": ("RateLimit", "Retry"),
    "reader": ("Reader",),
    "report": ("ReadPage", "Report"),
    "results": ("Field", "Line", "PageResult", "Table", "Usage"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
