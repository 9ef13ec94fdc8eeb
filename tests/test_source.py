"""Anything that a user hands over itself, opened: bytes, files, pictures, blobs, and many of them."""

import io
import os
import pathlib
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from langchain_core.documents.base import Blob
from PIL import Image

import draw_images as draw
from finding import PDF, PNG, PNG_NAME, filled, opened
from qwen_ocr_loader.errors import DamagedSource, EmptySource, SourceError, UnsupportedSource
from qwen_ocr_loader.source import Found, find, remember

folder = pytest.fixture(filled)


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_are_called_after_their_content(kind):
    source = opened(kind(PNG))
    assert (source.name, source.file_name, source.path, source.mime) == (PNG_NAME, "", None, "image/png")
    assert (source.data, source.size) == (PNG, len(PNG))


def test_open_file_is_read_from_where_it_stands_and_left_open(folder):
    (folder / "prefixed.bin").write_bytes(b"junk" + PNG)
    with (folder / "prefixed.bin").open("rb") as file:
        file.read(4)
        source = opened(file)
        assert not file.closed
    assert (source.data, source.name, source.file_name) == (PNG, str(folder / "prefixed.bin"), "prefixed.bin")


def test_unseekable_stream():
    reading, writing = os.pipe()
    os.write(writing, PNG)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert opened(stream).name == PNG_NAME


def test_file_that_was_written_and_not_rewound():
    file = io.BytesIO()
    file.write(PNG)
    (found,) = find(file)
    with pytest.raises(EmptySource, match=r"seek\(0\)"):
        found.open()


def test_text_file_and_closed_file(folder):
    with (folder / "notes.txt").open() as file, pytest.raises(UnsupportedSource, match="'rb'"):
        opened(file)
    closed = io.BytesIO(PNG)
    closed.close()
    with pytest.raises(SourceError, match="closed"):
        next(find(closed)).open()


def test_pil_image():
    image = draw.coloured()
    source = opened(image)
    assert source.pixels is image
    assert (source.name, source.mime) == (f"image:{source.sha256[:16]}", "image/x-pixels")
    with Image.open(io.BytesIO(source.data)) as written:
        assert written.tobytes() == image.tobytes()


def test_pil_image_sha256_covers_what_is_seen():
    base = draw.marked()
    other = base.copy()
    other.putpixel((30, 20), 254)
    palette = base.convert("P")
    recoloured = palette.copy()
    recoloured.putpalette([7] * 768)
    wide = Image.frombytes("L", (40, 60), base.tobytes())
    turned = base.copy()
    turned.getexif()[0x0112] = 6
    images = [base, other, palette, recoloured, wide, turned]
    assert len({opened(image).sha256 for image in images}) == len(images)
    assert opened(base.copy()).sha256 == opened(base).sha256


def test_pil_image_of_a_file_keeps_its_name(folder):
    with Image.open(folder / "b.png") as image:
        source = opened(image)
    assert (source.name, source.file_name, source.mime) == (str(folder / "b.png"), "b.png", "image/png")


def test_broken_pil_image():
    with Image.open(io.BytesIO(draw.encoded(draw.noisy(draw.marked(99, 99)), "PNG")[:2000])) as image:
        (found,) = find(image)
        with pytest.raises(DamagedSource):
            found.open()


# --- blobs ------------------------------------------------------------------------------------------------------------


def test_blob_of_bytes():
    source = opened(Blob.from_data(PNG, metadata={"source": "s3://box/a.png", "team": "x"}))
    assert (source.name, source.file_name, source.data) == ("s3://box/a.png", "a.png", PNG)
    assert source.metadata == {"source": "s3://box/a.png", "team": "x"}
    assert opened(Blob.from_data(PNG)).name == PNG_NAME


def test_blob_of_a_path(folder):
    source = opened(Blob.from_path(folder / "b.png", metadata={"source": "https://example.org/b.png", "k": 1}))
    assert (source.name, source.path, source.metadata["k"]) == ("https://example.org/b.png", folder / "b.png", 1)
    assert opened(Blob.from_path(folder / "b.png")).name == str(folder / "b.png")


def test_blob_of_text_or_of_nothing(folder):
    for blob in (Blob.from_data("just text"), Blob.from_data("text", metadata={"source": "x"})):
        with pytest.raises(UnsupportedSource):
            next(find(blob)).open()
    with pytest.raises(SourceError, match="no such file"):
        next(find(Blob.from_path(folder / "gone.png"))).open()


# --- many of them -----------------------------------------------------------------------------------------------------


def test_nested_iterables_in_order(folder):
    given = [PNG, (folder / "sub", [draw.marked()]), iter([io.BytesIO(PDF)]), {PDF: 1}.keys()]
    kinds = [found.open().mime for found in find(given)]
    assert kinds == [
        "image/png",
        "image/png",
        "application/pdf",
        "image/x-pixels",
        "application/pdf",
        "application/pdf",
    ]


def test_expansion_is_lazy():
    def forever():
        while True:
            yield PNG

    found = find(forever())
    assert [next(found).name for _ in range(3)] == [PNG_NAME] * 3


def test_found_and_sources_pass_through():
    source = opened(PNG)
    assert opened(source) is source
    found = Found("mine", lambda: source)
    assert list(find([found])) == [found]


@pytest.mark.parametrize("given", [3, None, {"a": 1}, object(), np.zeros((4, 4), np.uint8)])
def test_what_is_no_document(given):
    found = list(find([PNG, given, PNG]))
    assert [found[0].name, found[2].name] == [PNG_NAME] * 2
    with pytest.raises(UnsupportedSource, match="hand over"):
        found[1].open()


def test_one_bad_item_does_not_bar_the_next(folder):
    found = list(find(["gone.png", folder / "b.png"]))
    with pytest.raises(SourceError):
        found[0].open()
    assert found[1].open().data == PNG


# --- loading twice ----------------------------------------------------------------------------------------------------


class Unseekable(io.RawIOBase):
    """As a socket: it can be read once, from front to back."""

    def __init__(self, data):
        self.inner = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self.inner.read(size)


ONE_PASS = {
    "generator": lambda: (item for item in [PNG, PDF]),
    "map of files": lambda: map(io.BytesIO, [PNG, PDF]),
    "list of streams": lambda: [Unseekable(PNG), io.BytesIO(PDF)],
    "generators in a list": lambda: [iter([PNG]), (item for item in [PDF])],
    "plain list": lambda: [PNG, PDF],
}


@pytest.mark.parametrize("case", ONE_PASS)
def test_remembered_things_load_twice(case):
    kept = remember(ONE_PASS[case]())
    assert [[found.open().mime for found in find(kept)] for _ in range(3)] == [["image/png", "application/pdf"]] * 3


def test_remembered_file_goes_back_to_where_it_stood():
    file = io.BytesIO(b"junk" + PNG)
    file.seek(4)
    kept = remember(file)
    assert [opened(kept).data for _ in range(2)] == [PNG, PNG]


def test_remembering_reads_nothing():
    def explosive():
        raise AssertionError("read too early")
        yield

    remember(explosive())
    kept = remember(iter(range(10**9)))
    assert len([next(find(kept)) for _ in range(3)]) == 3


def test_two_interleaved_passes_over_one_generator():
    kept = remember(data for data in [PNG, PDF, PNG])
    first, second = find(kept), find(kept)
    mimes = [next(each).open().mime for each in (first, second, second, first, first, second)]
    assert mimes == ["image/png", "image/png", "application/pdf", "application/pdf", "image/png", "image/png"]


@pytest.mark.parametrize("given", ["a.png", pathlib.Path("a"), PNG, draw.marked(), Blob.from_data(PNG)])
def test_what_is_good_for_many_passes_is_kept_as_it_is(given):
    assert remember(given) is given


def test_remembered_closed_file_fails_when_read():
    file = io.BytesIO(PNG)
    file.close()
    with pytest.raises(SourceError, match="closed"):
        next(find(remember(file))).open()


# --- the noun itself --------------------------------------------------------------------------------------------------


def test_source_is_frozen_and_its_repr_short():
    source = opened(PNG)
    assert len(repr(source)) < 200
    with pytest.raises(FrozenInstanceError):
        source.name = "x"


def test_import_is_light():
    code = (
        "import sys; import qwen_ocr_loader.errors; before = set(sys.modules)\n"
        "import qwen_ocr_loader.source, qwen_ocr_loader.images\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*new - sys.stdlib_module_names - {'qwen_ocr_loader'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
