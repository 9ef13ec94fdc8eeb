"""What the tests of the viewer in a browser share: drawn pages, the file of the viewer, and a browser that shows it."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from draw_images import write
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.report import Origin, ReadPage
from qwen_ocr_loader.results import Line, PageResult
from qwen_ocr_loader.view.contents import contents
from qwen_ocr_loader.view.html import Encoded, frame, page_block

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 780}
ROWS = ("The harbour opened", "in spring. Zoë Ångström", "counted forty boats", "and the quay was full")


class Sheet(NamedTuple):
    """A page and its picture."""

    page: ReadPage
    picture: Image.Image


def sheet(number: int = 0, rows: tuple[str, ...] = ROWS, **more) -> Sheet:
    """A drawn page of 800 x 1000 with these rows, the n-th with confidence 0.99, 0.9, 0.8, 0.5."""
    drawn = write([(100, 120 + 130 * n, words) for n, words in enumerate(rows)], (800, 1000), 40)
    lines, text = [], ""
    for n, (words, (left, top, right, bottom)) in enumerate(drawn.lines):
        box = Quad.from_box(left / 800, top / 1000, right / 800, bottom / 1000)
        lines.append(Line(words, len(text), len(text) + len(words), box, (0.99, 0.9, 0.8, 0.5)[n % 4]))
        text += words + "\n"
    result = PageResult(number, 800, 1000, "px", text[:-1], lines=tuple(lines), engine="drawn", **more)
    return Sheet(ReadPage(result, Origin("book.pdf", "book.pdf"), str(number + 1)), drawn.image)


def html(sheets: list[Sheet], title: str = "Book") -> str:
    """As ``write_view`` writes it, but the same picture is encoded once."""
    pictures: dict[int, Encoded] = {}
    before, after = frame(title)
    parts = [before]
    for one in sheets:
        if id(one.picture) not in pictures:
            stream = BytesIO()
            one.picture.save(stream, "WEBP", quality=70, method=0)
            pictures[id(one.picture)] = Encoded(stream.getvalue(), "image/webp")
        parts.append(page_block({**contents(one.page), "picture": "image/webp"}, pictures[id(one.picture)]))
    return "".join([*parts, after])


def browsers():
    """For ``pytest.fixture(browsers, scope="module")``: a browser that stays open."""
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def shows(browser, tmp_path: Path):
    """For ``pytest.fixture(shows)``: opens pages in the viewer.

    Afterwards, nothing may have gone wrong in it, and nothing left the machine.
    """
    contexts, wrong = [], []

    def opened(*sheets: Sheet, size=WIDE, address: str = "", **settings):
        path = tmp_path / "view.html"
        path.write_text(html(list(sheets) or [sheet()]), encoding="utf-8")
        contexts.append(browser.new_context(viewport=size, has_touch=size is NARROW, **settings))
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda one: wrong.append(one.url) if not one.url.startswith(("file:", "data:")) else None)
        tab.goto(path.as_uri() + address)
        tab.wait_for_selector("polygon.line")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert wrong == [], wrong  # said in full here, where pytest does not look into asserts
