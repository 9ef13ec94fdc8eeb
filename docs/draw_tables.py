"""Write the tables in these pages that are drawn from the code; the tests hold the pages to what it gives.

python docs/draw_tables.py
"""

from __future__ import annotations

import inspect
from pathlib import Path

from qwen_ocr_loader import errors
from qwen_ocr_loader.catalog import MODELS, lookup
from qwen_ocr_loader.prices import REGIONS

FOLDER = Path(__file__).parent


def main() -> None:
    """Rewrite what stands between the markers."""
    for name, draw in {"errors": error_table, "models": model_table}.items():
        path = FOLDER / f"{name}.md"
        path.write_text(with_table(path.read_text(), draw()))


def with_table(page: str, table: str) -> str:
    """The page with the table between its markers."""
    before, _, rest = page.partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end of table -->")
    return f"{before}<!-- table -->\n{table}<!-- end of table -->{after}"


def error_table() -> str:
    """A row for each class of the tree, indented by its depth."""
    rows = ["| class | exit code | retried | when |", "|---|---|---|---|"]
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.OCRError):
            depth = "&emsp;" * kind.__mro__.index(errors.OCRError)
            when = inspect.getdoc(kind).partition("\n")[0]
            rows.append(f"| {depth}`{kind.__name__}` | {kind.exit_code} | {'yes' if kind.retryable else ''} | {when} |")
    return "\n".join(rows) + "\n"


def model_table() -> str:
    """A row for each model and region that serves it."""
    head = "| model | region | is now | pixels a token | longest reply | price in / out per million tokens | as of |"
    rows = [f"{head} half of it in a batch |", "|---|---|---|---|---|---|---|---|"]
    for name in MODELS:
        for region in REGIONS:
            model = lookup(name, region)
            price = model.price(region)
            if region not in model.regions:
                continue
            cells = [
                f"`{name}`",
                region,
                f"`{model.snapshot}`" if model.snapshot else "",
                f"{model.pixel_factor} x {model.pixel_factor}",
                f"{model.max_output:,}",
                f"{price.input:f} / {price.output:f} {price.currency}" if price else "not known",
                str(price.as_of) if price else "",
                "yes" if region in model.batch_regions else "",
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
