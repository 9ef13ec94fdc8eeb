"""What the tests of agents' tools share: a folder of documents, a question about it, and the rows of an answer."""

import re

from PIL import Image

from draw_pdfs import Sheet, pdf, prose
from qwen_ocr_loader.agent_tool import END, DocumentTool

ROW = re.compile(r"(\d+) \[([\d,]*)\] (.*)")


def inboxes(tmp_path):
    """For ``pytest.fixture(inboxes)``: a book of seven pages and three frames; what must not be read lies beside it."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "book.pdf").write_bytes(pdf(*[Sheet(prose(4))] * 7))
    frames = [Image.new("L", (60, 40), 200 + n) for n in range(3)]
    frames[0].save(folder / "three.tiff", save_all=True, append_images=frames[1:])
    (tmp_path / "secret.pdf").write_bytes(pdf(Sheet(prose())))
    return folder


def said(inbox, file="three.tiff", pages="", start=0, **settings):
    settings.setdefault("engine", "fake")
    return DocumentTool.of({"root": inbox, **settings}).read({"file": file, "pages": pages, "start": start})


def document_rows(text):
    """The rows between the marks that are the document's."""
    inside = text.split("\n")[2 : text.split("\n").index(END)]
    return [ROW.fullmatch(row) for row in inside if not row.startswith("---")]
