"""Tables in the documentation are the ones the code gives."""

import re
from pathlib import Path

import pytest

from qwen_ocr_loader.testing import LOADER_RULES, READER_RULES

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


def test_the_conformance_page_has_the_kits_rules(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "benchmarks"))
    import conformance

    text = (DOCS / "conformance.md").read_text()
    assert conformance.HEAD in text, "run python benchmarks/conformance.py --write"
    assert conformance.HOW in text
    assert conformance.rule_table() in text
    for rules, title in [(LOADER_RULES, "LangChain loaders"), (READER_RULES, "LlamaIndex readers")]:
        table = text.partition(f"### {title}\n")[2].partition("\n\n- ")[0]
        assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [rule.name for rule in rules]
    assert not re.findall(r"^- `QwenOCR.* [1-9]\d* failed", text, re.MULTILINE)
