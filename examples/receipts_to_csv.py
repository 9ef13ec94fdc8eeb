"""Read a folder of receipts into a CSV of typed values, and say which of them a person should look at.

pip install 'qwen-ocr-loader[local]'
python examples/receipts_to_csv.py [FOLDER] > receipts.csv
"""

import csv
import sys
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel

from qwen_ocr_loader import Reader
from qwen_ocr_loader.fields.checks import InvoiceDate, adds_up
from qwen_ocr_loader.fields.review import review_fields

EXAMPLES = Path(__file__).parent / "receipts"


class Item(BaseModel):
    """A row of a receipt."""

    description: str
    amount: Decimal


class Receipt(BaseModel):
    """What is wanted of a receipt; ``tax`` is within the total."""

    company: str
    date: InvoiceDate
    items: list[Item]
    tax: Decimal | None = None
    total: Decimal

    sums = adds_up("total", "items[].amount")


def main() -> None:
    reader = Reader(engine="local", fields=Receipt, preprocess=["orient"], show_progress=True)
    for _ in reader.read(sys.argv[1] if len(sys.argv) > 1 else EXAMPLES):
        pass  # the pages of a file come together in the report
    table = csv.writer(sys.stdout)
    table.writerow(["file", "company", "date", "tax", "total", "items", "needs_review"])
    for file in reader.report.files:
        values, doubts = file.values, list(review_fields(file.fields))
        known = [values.get(name) for name in ("company", "date", "tax", "total")]
        table.writerow([Path(file.source).name, *known, len(values.get("items", ())), bool(doubts)])
        for doubt in doubts:
            print(f"{file.source}, page {doubt.page}: {doubt.field} {doubt.value} {doubt.problem}", file=sys.stderr)


if __name__ == "__main__":
    main()
