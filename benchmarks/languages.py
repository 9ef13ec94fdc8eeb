"""What a page in each language comes out as, with RapidOCR's models alone and with what else is installed.

    pip install -e '.[tesseract]'
    apt-get install fonts-dejavu-core fonts-droid-fallback fonts-nanum libfribidi0
    apt-get install tesseract-ocr-{osd,eng,ara,ell,heb,kor,rus,slk,vie}
    python benchmarks/languages.py

The pages are drawn: a few lines of the Universal Declaration of Human Rights, and for most a line of an invoice.
Word F1 is order-free, of words in lower case without the punctuation at their ends; of Japanese by character.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from drawn_languages import LANGUAGES, Language, drawn_page
from qwen_ocr_loader import LocalEngine, Reader
from qwen_ocr_loader.engines.languages import Others, reread
from qwen_ocr_loader.engines.local import _bgr
from qwen_ocr_loader.engines.ppocr import shared
from qwen_ocr_loader.errors import UnknownScript
from qwen_ocr_loader.images import PageImage


def main() -> None:
    print("| language | word F1 alone | word F1 | CPU s alone | CPU s | engine |\n|---|---:|---:|---:|---:|---|")
    for language in LANGUAGES.values():
        print(f"| `{language.code}` | {' | '.join(row(language))} |")


def row(language: Language) -> list[str]:
    """Figures of one language's page; an error's name where nothing was read."""
    page = drawn_page(language)
    started = time.process_time()
    lines = shared(1).read(_bgr(PageImage.from_pixels(page)))
    alone = time.process_time() - started
    try:
        bare = f"{word_f1(' '.join(read.text for read in reread(lines, Others({})).readings), language):.3f}"
    except UnknownScript as error:
        bare = f"`{type(error).__name__}`"
    started = time.process_time()
    [result] = Reader(engine=LocalEngine(threads=1), task="multi_lan").read(page)
    taken = time.process_time() - started
    return [bare, f"{word_f1(result.text, language):.3f}", f"{alone:.2f}", f"{taken:.2f}", f"`{result.engine}`"]


def word_f1(text: str, language: Language) -> float:
    read, drawn = (Counter(words(said, language.code)) for said in (text, language.text))
    return 2 * (read & drawn).total() / max(1, read.total() + drawn.total())


def words(text: str, code: str) -> list[str]:
    pieces = "".join(text.split()) if code == "ja" else text.lower().split()
    return [word for piece in pieces if (word := piece.strip(".,;:،()。、"))]


if __name__ == "__main__":
    main()
