"""Draw the pictures in these pages anew, of the example documents: the viewer, and a quote marked on its page.

    pip install -e '.[dev]'
    python docs/draw_pictures.py

It needs Chromium on the machine, which is looked for on the path.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from langchain_text_splitters import RecursiveCharacterTextSplitter
from PIL import Image
from playwright.sync_api import sync_playwright

from qwen_ocr_loader.citations import split_with_boxes
from qwen_ocr_loader.highlight import highlight
from qwen_ocr_loader.langchain import QwenOCRLoader
from qwen_ocr_loader.view import view

FOLDER = Path(__file__).parent / "pictures"
DOCUMENTS = Path(__file__).parent.parent / "examples" / "documents"
QUOTE = "Soundings taken in June show a least depth of 8.4 metres along the whole quay"
POINTED_AT = "1 x Smoked trout bagel"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    _save(marked_page(), "highlight")
    _save(viewer(), "viewer")


def marked_page() -> Image.Image:
    """The upper part of the report's first page, the quote marked on it."""
    docs = QwenOCRLoader(DOCUMENTS / "report.pdf", pages="1").load()
    chunks = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=400, chunk_overlap=0), docs)
    page = highlight(next(chunk for chunk in chunks if QUOTE[:9] in chunk.page_content), QUOTE)
    return page.crop((0, page.height // 30, page.width, page.height * 3 // 8)).resize((1000, 488))


def viewer() -> Image.Image:
    """The receipt and the report in a browser window of 1280 x 800, a line of the receipt pointed at."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page = Path(folder, "view.html")
        view([DOCUMENTS / "receipt.jpg", DOCUMENTS / "report.pdf"], page, engine="local")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(page.as_uri())
        tab.wait_for_selector("polygon.line")
        tab.locator("#panel .words", has_text=POINTED_AT).first.hover()
        shot = tab.screenshot()
        browser.close()
    return Image.open(io.BytesIO(shot))


def _save(picture: Image.Image, name: str) -> None:
    picture.convert("RGB").save(FOLDER / f"{name}.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
