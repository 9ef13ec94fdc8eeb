"""Fields of plain papers by the geometry of their lines: everything a person would read off them, and nothing else."""

import pytest

from plain_papers import Paper, papers
from qwen_ocr_loader.fields.pairing import pair_fields
from qwen_ocr_loader.results import Field

PAPERS = papers()
WAYS = {"level": (0.0, False), "askew": (2.5, False), "close": (-1.5, True)}


def pairs(fields: dict[str, Field]) -> list[tuple[str, object]]:
    """Labels and values, one that is printed several times as often."""
    return [
        (name, value)
        for name, field in fields.items()
        for value in (field.value if isinstance(field.value, list) else [field.value])
    ]


def test_there_are_papers():
    assert len(PAPERS) > 30
    assert sum(len(paper.pairs) for paper in PAPERS) > 300


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_all_printed_pairs_and_no_others(paper: Paper, way: str):
    turn, merged = WAYS[way]
    found = pairs(pair_fields(paper.page(turn, merged=merged), None))
    assert sorted(map(repr, found)) == sorted(map(repr, paper.pairs))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("paper", [paper for paper in PAPERS if paper.asked], ids=lambda paper: paper.name)
def test_a_schema_finds_its_values(paper: Paper, way: str):
    turn, merged = WAYS[way]
    found = pair_fields(paper.page(turn, merged=merged), dict.fromkeys(paper.asked, ""))
    assert {name: field.value for name, field in found.items()} == paper.asked
