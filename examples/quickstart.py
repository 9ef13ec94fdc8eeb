"""Read a scanned receipt and a mixed PDF on this machine: no key, no network, no system package.

pip install 'qwen-ocr-loader[local]'
python examples/quickstart.py
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from qwen_ocr_loader import Reader
from qwen_ocr_loader.render import records

DOCUMENTS = Path(__file__).parent / "documents"


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    reader = Reader(engine="local", show_progress=True)
    receipt, report = DOCUMENTS / "receipt.jpg", DOCUMENTS / "report.pdf"

    title("A scan: every line, with its place on the page (fractions of width and height) and confidence")
    for page in reader.read(receipt):
        for line in page.lines:
            box = line.quad.bounds if line.quad else (0, 0, 0, 0)
            left, top, right, bottom = (f"{edge:.3f}" for edge in box)
            print(f"  {left} {top} – {right} {bottom}  {line.confidence or 0:.2f}  {line.text}")

    title("A PDF, page by page: its own text where that is sound, recognised where it is a scan")
    made = list(records(reader, report))
    for record in made:
        facts = record.metadata
        print(
            f"--- page {facts['page_label']} of {facts['total_pages']}, {facts['text_source']}, {facts['ocr_engine']}"
        )
        print(record.text, "\n")

    title("The metadata of its last page: flat, so that any vector store takes it")
    for key, value in made[-1].metadata.items():
        shown = json.dumps(value, ensure_ascii=False)
        print(f"  {key:<14} {shown if len(shown) < 90 else shown[:86] + ' …'}")
    print(
        f"\n{reader.report.pages} pages, {reader.report.from_text_layer} of them from the text layer, "
        f"in {reader.report.seconds:.1f} s"
    )


def title(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m\n")


if __name__ == "__main__":
    main()
