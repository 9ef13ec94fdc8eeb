"""The notebooks: run from a fresh copy without a network, they answer right and mark the right lines."""

import base64
import io
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageChops

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parent.parent
NAMES = ("langchain_rag", "llama_index_rag")

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
NOTHING_LEFT = {"langchain_rag": "'num_added': 0, 'num_updated': 0, 'num_skipped': 1", "llama_index_rag": "0 new nodes"}
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|tmp|usr|opt|var|mnt|Users|private)/|[A-Z]:\\\\")

NO_NETWORK = """
import sys

def _refuse(event, args):
    if event == "socket.getaddrinfo" and args[0] not in ("localhost", "127.0.0.1", None):
        raise AssertionError(f"the notebook looks up {args[0]}")

sys.addaudithook(_refuse)
"""


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_runs_offline_and_cites_the_answers(name, tmp_path):
    notebook = _executed(name, tmp_path)
    printed = _printed(notebook)
    for place, fact in (CITED | ALSO_CITED[name]).items():
        assert re.search(rf"{re.escape(fact)}[^\n]*\n +{re.escape(place)}", printed), (
            f"{fact!r} is not cited from {place}"
        )
    assert NOTHING_LEFT[name] in printed
    _, *cited_pages = _pictures(notebook)  # the first is the sheet of scans
    assert [_has_a_mark(picture) for picture in cited_pages] == [True] * 4


def test_is_committed_as_it_runs(name):
    """With outputs, small, without errors, warnings or this machine's paths."""
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert path.stat().st_size < 600_000
    notebook = nbformat.read(path, 4)
    printed = _printed(notebook)
    assert all(fact in printed for fact in (CITED | ALSO_CITED[name]).values())
    assert len(_pictures(notebook)) == 5
    assert not MACHINE_PATH.search(printed)
    assert "Warning" not in printed
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def _executed(name, folder):
    for part in ("notebooks", "examples"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("inbox", "__pycache__"))
    notebook = nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NO_NETWORK))
    where = {"metadata": {"path": str(folder / "notebooks")}}
    return nbclient.NotebookClient(notebook, timeout=300, resources=where).execute()


def _outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def _printed(notebook):
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in _outputs(notebook)
    )


def _pictures(notebook):
    encoded = (output.get("data", {}).get("image/jpeg") for output in _outputs(notebook))
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in encoded if data]


def _has_a_mark(picture):
    """The pages are gray, the mark is not: red without blue."""
    red, _, blue = picture.convert("RGB").split()
    coloured = ImageChops.subtract(red, blue).point(lambda value: 255 * (value > 60))
    return coloured.getbbox() is not None
