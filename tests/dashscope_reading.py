"""What tests of the DashScope engine share: a server that understood all it was sent, an engine, pages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dashscope_server import DashScopeServer
from marked_pages import marked_page
from qwen_ocr_loader import Scan
from qwen_ocr_loader.engines.dashscope import DashScopeEngine
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.pace import Retry
from qwen_ocr_loader.tasks import parse_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

AT_ONCE = Retry(attempts=3, first=0)
KEY = "sk-test"


def serving(key: str = KEY) -> Iterator[DashScopeServer]:
    """For a fixture: a server, and at the end the proof that it understood every request."""
    with DashScopeServer(key=key) as running:
        yield running
        assert running.refused == [], "the server did not understand a request"


def engine_for(server, **settings) -> DashScopeEngine:
    return DashScopeEngine(**{"base_url": server.base_url, "api_key": KEY, "retry": AT_ONCE, **settings})


def scan_of(image: Image.Image, page: int = 0) -> Scan:
    return Scan(page, float(image.width), float(image.height), "px", PageImage.from_pixels(image))


PAGE = scan_of(marked_page(7))


def read(engine, task="text_recognition", scan=PAGE, *, how="sync"):
    tasks = parse_tasks(task) if isinstance(task, str) else task
    return engine.read(scan, tasks) if how == "sync" else asyncio.run(engine.aread(scan, tasks))


def frames(tmp_path, count):
    pages = [marked_page(n, (64, 64)) for n in range(count)]
    path = tmp_path / "pages.tiff"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path
