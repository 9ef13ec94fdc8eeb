"""What the tests of sources share: a few files, a folder of them, and what is found and opened."""

import hashlib

import draw_images as draw
from qwen_ocr_loader.source import Source, find

PNG = draw.encoded(draw.marked(), "PNG")
PDF = b"%PDF-1.7\n%%EOF\n"
PNG_NAME = f"bytes:{hashlib.sha256(PNG).hexdigest()[:16]}"


def opened(given, **options) -> Source:
    (found,) = find(given, **options)
    source = found.open()
    assert source.name == found.name
    return source


def filled(tmp_path):
    """For ``pytest.fixture(filled)``: a folder of documents, some of them hidden, and a file of another kind."""
    for name, data in {
        "b.png": PNG,
        "a.PDF": PDF,
        "notes.txt": b"hello",
        "sub/c.jpg": PNG,
        "sub/deep/d": PDF,
        ".hidden.png": PNG,
        ".git/e.png": PNG,
        "Zürich 扫描.png": PNG,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path
