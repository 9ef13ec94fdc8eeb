"""Tables as people set them, in pictures and in PDFs: their cells are told, and nothing else of the page is in them."""

from __future__ import annotations

from functools import partial

import pytest

import table_pages as drawn
from qwen_ocr_loader.tables import slanet

pytest.importorskip("cv2")

PAGES = {
    "three rules": drawn.three_rules,
    "three light rules": partial(drawn.three_rules, gray=210),
    "two rules": partial(drawn.three_rules, bottom=False),
    "a grid": drawn.grid,
    "a light grid": partial(drawn.grid, gray=215, width=1),
    "a grid open below": partial(drawn.grid, bottom=False),
    "a light rule under each row": drawn.level_rules,
    "merged cells": drawn.merged,
    "a caption above a grid": partial(drawn.captioned, ruled="grid", above=True),
    "a caption below a grid": partial(drawn.captioned, ruled="grid", above=False),
    "a caption above three rules": partial(drawn.captioned, ruled="three", above=True),
    "a caption below three rules": partial(drawn.captioned, ruled="three", above=False),
    "cells of several lines in a grid": partial(drawn.several_lines, ruled="grid"),
    "cells of several lines between level rules": partial(drawn.several_lines, ruled="level"),
    "cells of several lines between three rules": partial(drawn.several_lines, ruled="three"),
    "empty cells in a grid": partial(drawn.empty_cells, ruled="grid"),
    "empty cells between three rules": partial(drawn.empty_cells, ruled="three"),
    "grids side by side": partial(drawn.side_by_side, ruled="grid"),
    "three rules side by side": partial(drawn.side_by_side, ruled="three"),
}
LEFTWARD = {
    "a grid from right to left": partial(drawn.leftward, ruled="grid"),
    "three rules from right to left": partial(drawn.leftward, ruled="three"),
}


@pytest.fixture(autouse=True)
def _rules_alone(monkeypatch: pytest.MonkeyPatch):
    """Without the model of structure: what is asserted is what rules and lines tell."""
    monkeypatch.setattr(slanet, "model_path", lambda: None)
    slanet._loaded.cache_clear()
    yield
    slanet._loaded.cache_clear()


@pytest.mark.parametrize("name", PAGES | LEFTWARD)
def test_tables_of_a_picture(name: str):
    page = (PAGES | LEFTWARD)[name]()
    assert drawn.in_picture(page) == page.tables


@pytest.mark.parametrize("name", PAGES)
def test_tables_of_a_pdf(name: str):
    page = PAGES[name]()
    assert drawn.in_pdf(page) == page.tables
