"""What the tests of Ray without a cluster share: a folder of files, and lists and rows of their pages."""

import numpy as np
import pytest

from dashscope_reading import frames
from draw_pdfs import Sheet, pdf, prose
from marked_pages import marked_png

ray = pytest.importorskip("ray", reason="pip install 'qwen-ocr-loader[ray]'")

from qwen_ocr_loader.ray import ListPages, ReadPages  # noqa: E402
from qwen_ocr_loader.ray.listing import list_files  # noqa: E402
from qwen_ocr_loader.ray.settings import cluster_options  # noqa: E402


def filled(tmp_path):
    """A PDF with text of its own, five pages without, one picture, a broken one, and a file of another kind."""
    place = tmp_path / "in"
    place.mkdir()
    (place / "text.pdf").write_bytes(pdf(Sheet(prose()), Sheet(prose())))
    frames(place, 5)
    (place / "one.png").write_bytes(marked_png(9))
    (place / "torn.pdf").write_bytes(pdf(Sheet())[:40])
    (place / "notes.txt").write_text("nothing to see")
    return place


def files(*paths, **options):
    rows = list(list_files(paths, cluster_options(options)))
    return {
        "source": np.array([row.source for row in rows], object),
        "from_folder": np.array([r.from_folder for r in rows]),
    }


def listed(*paths, done=None, **options):
    """The pages as a batch, as Ray hands them on."""
    pages = ListPages(done, **options)(files(*paths, **options))
    return {name: np.array(pages[name].to_pylist(), object) for name in pages.column_names}


def read(*paths, **options):
    return ReadPages(**options)(listed(*paths, **options)).to_pylist()
