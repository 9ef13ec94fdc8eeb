"""Tables in the documentation are the ones the code gives."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(("page", "draw"), [("errors", "error_table"), ("models", "model_table")])
def test_tables_are_up_to_date(page, draw, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import draw_tables

    text = (DOCS / f"{page}.md").read_text()
    assert text == draw_tables.with_table(text, getattr(draw_tables, draw)()), "run python docs/draw_tables.py"


def test_links_lead_somewhere():
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
