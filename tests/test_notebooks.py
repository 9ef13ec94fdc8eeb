"""The notebooks: run from a fresh copy without a network, they answer right and mark the right lines."""

import base64
import io
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parent.parent
RAG = ("langchain_rag", "llama_index_rag")
PICTURES = {"langchain_rag": 5, "llama_index_rag": 5, "citations": 9, "receipts_to_dataframe": 4}

CITED = {
    "report.pdf, page 1": "least depth of 8.4 metres",
    "report.pdf, page 3": "212,750",
    "bulletin.pdf, page 1": "Jonas Petrak",
    "letter.png, page 1": "will pay 18,400",
    "fax.tiff, page 2": "wire costs 640",
    "chandlery.jpg, page 1": "6 x fender, blue\t174.00",
    "notice_photo.jpg, page 1": "Sunday and holidays 10.00 - 13.00",
}
ALSO_CITED = {
    "langchain_rag": {"berth_form.jpg, page 1": "Draught\t1.90 m"},
    "llama_index_rag": {"receipt.jpg, page 1": "Smoked trout bagel\t9.80"},
}
LOCATED = (
    "whole quay, which is deeper than at any time since the survey of 1998.\n",
    "Crane, one lift\tyard\t75.00\n",
    "1 x Smoked trout bagel\t9.80\n",
    "method: rows   exact: True   quoted: True\npage 3, whole line: True   'The reserve fund stands at 212,750",
    "regions on pages [2, 3], exact: True",
    "rows | True | The | busiest day was the second of August",
    "split_with_boxes  exact: 10 of 10   ['rows']",
    "quoted: True   exact: True   1 regions",
    "quoted: False  exact: False  9 regions   'Der Reservefonds",
    "exact: False, 9 regions\n",
    "exact: True, 4 regions\n",
    "method: page, exact: False, 1 regions",
)
CHECKED = (
    "10 pages of 9 files, 0 failures",
    "7 of 9 receipts need no person",
    "Eisenwaren Brandt GmbH          88213",
    "海风茶业有限公司     2026090317",
    "2026-09-03  177.77  1113.40         False",
    "does not add up: items[].amount is 291.50, not 219.50",
    "does not add up: items[].amount is 146.72, not 6.72",
    "05_chandlery_wrong_sum.jpg   291.50   219.50      72.00",
    "09_hotel_two_pages.pdf       364.00   364.00       0.00",
)
MARKED = ["yellow"] * 6 + ["orange", "yellow", "orange"]
NOTHING_LEFT = {"langchain_rag": "'num_added': 0, 'num_updated': 0, 'num_skipped': 1", "llama_index_rag": "0 new nodes"}
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|tmp|usr|opt|var|mnt|Users|private)/|[A-Z]:\\\\")

NO_NETWORK = """
import sys

def _refuse(event, args):
    if event == "socket.getaddrinfo" and args[0] not in ("localhost", "127.0.0.1", None):
        raise AssertionError(f"the notebook looks up {args[0]}")

sys.addaudithook(_refuse)
"""


@pytest.mark.parametrize("name", RAG)
def test_runs_offline_and_cites_the_answers(name, tmp_path):
    notebook = _executed(name, tmp_path)
    printed = _printed(notebook)
    for place, fact in (CITED | ALSO_CITED[name]).items():
        assert re.search(rf"{re.escape(fact)}[^\n]*\n +{re.escape(place)}", printed), (
            f"{fact!r} is not cited from {place}"
        )
    assert NOTHING_LEFT[name] in printed
    _, *cited_pages = _pictures(notebook)  # the first is the sheet of scans
    assert None not in map(_mark, cited_pages)


def test_citations_are_located_marked_and_doubted_offline(tmp_path):
    notebook = _executed("citations", tmp_path)
    printed = _printed(notebook)
    assert [fact for fact in LOCATED if fact not in printed] == []
    assert [_mark(picture) for picture in _pictures(notebook)] == MARKED


def test_receipts_become_a_checked_table_offline(tmp_path):
    notebook = _executed("receipts_to_dataframe", tmp_path)
    printed = _printed(notebook)
    assert [fact for fact in CHECKED if fact not in printed] == []
    assert len(_pictures(notebook)) == PICTURES["receipts_to_dataframe"]
    html = "".join(output.get("data", {}).get("text/html", "") for output in _outputs(notebook))
    assert html.count('<img style="height: 1.4em" src="data:image/jpeg;base64,') == 9 * 5  # a picture of every value
    assert html.count("⚠") == 2


@pytest.mark.parametrize("name", PICTURES)
def test_is_committed_as_it_runs(name):
    """With outputs, small, without errors, warnings or this machine's paths."""
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert path.stat().st_size < 600_000
    notebook = nbformat.read(path, 4)
    printed = _printed(notebook)
    assert [fact for fact in _facts(name) if fact not in printed] == []
    assert len(_pictures(notebook)) == PICTURES[name]
    assert not MACHINE_PATH.search(printed)
    assert "Warning" not in printed
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def _facts(name):
    known = {"citations": LOCATED, "receipts_to_dataframe": CHECKED}
    return known.get(name) or (CITED | ALSO_CITED[name]).values()


def _executed(name, folder):
    for part in ("notebooks", "examples"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("inbox", "__pycache__"))
    notebook = nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NO_NETWORK))
    where = {"metadata": {"path": str(folder / "notebooks")}}
    return nbclient.NotebookClient(notebook, timeout=300, resources=where, coalesce_streams=True).execute()


def _outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def _printed(notebook):
    return "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") + "\n" for output in _outputs(notebook)
    )


def _pictures(notebook):
    encoded = (output.get("data", {}).get("image/jpeg") for output in _outputs(notebook))
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in encoded if data]


def _mark(picture):
    """The colour of the mark, if there is one: the pages are gray, marks are not, being red without blue."""
    red, green, blue = picture.convert("RGB").split()
    coloured = ImageChops.subtract(red, blue).point(lambda value: 255 * (value > 60))
    if not coloured.getbbox():
        return None
    return "yellow" if ImageStat.Stat(ImageChops.subtract(red, green), coloured).mean[0] < 60 else "orange"
