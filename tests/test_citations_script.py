"""``benchmarks/citations.py``: what it finds exact is right, and nearly everything is."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parent.parent / "benchmarks" / "citations.py"
QUICK = ("RecursiveCharacter 200/0", "RecursiveCharacter, words 60/10", "Character, lines", "MarkdownHeader")
QUICK += ("a function: paragraphs", "LI SentenceSplitter 120/20", "LI TokenTextSplitter 80/10", "LI Hierarchical")


@pytest.fixture(scope="module")
def script():
    import sys

    spec = importlib.util.spec_from_file_location("citations_script", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def judged(script, pages):
    results = {name: script.judge(name, script.SPLITTERS[name], pages) for name in QUICK}
    total = script.Result()
    for result in results.values():
        for way in script.WAYS:
            total.tallies[way] += result.tallies[way]
        assert result.largest < 4096
        assert not result.unknown
    for way in script.WAYS[:2]:
        assert total.tallies[way].wrong == []
        assert total.tallies[way].sure_lines["right"] == total.tallies[way].sure_lines["given"]
    assert "| **all** |" in script.table(results)
    return total


def test_there_are_a_dozen_splitters_of_both_frameworks(script):
    assert len(script.SPLITTERS) >= 12
    assert sum(name.startswith("LI ") for name in script.SPLITTERS) >= 5


def test_tables_of_rows_that_repeat(script):
    ours = judged(script, list(script.table_pages())).tallies["split_with_boxes"]
    assert ours.chunks > 100
    assert ours.sure / ours.chunks >= 0.95


def test_real_pages(script, data):
    pages = list(script.real_pages(data / "dev"))
    assert len(pages) >= script.PAGES
    ours = judged(script, pages[:12]).tallies["split_with_boxes"]
    assert ours.sure / ours.chunks >= 0.95


def test_a_wrong_answer_is_seen(script):
    """The judge itself: a page whose lines stand one place off."""
    from dataclasses import replace

    made = next(script.table_pages())
    lines = made.result.lines
    moved = [replace(line, quad=other.quad) for line, other in zip(lines, [*lines[1:], lines[0]], strict=True)]
    wrong = script.Page(made.name, replace(made.result, lines=tuple(moved)))
    doc = script.documents(made, made.result.text, wrong.metadata, "x")
    splitter = script.SPLITTERS["RecursiveCharacter 200/0"]
    (chunk, *_), marked = script.split_with_boxes(splitter, [doc]), script.documents(made, made.marked, {}, "x")
    (truth, *_) = script.truths(made, script.split_plain(splitter, doc), script.split_plain(splitter, marked))
    assert truth == set(range(20))
    assert script.lines_of(made, script.locate(chunk)) != truth
