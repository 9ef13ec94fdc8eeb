"""Anything a user hands over, found and opened."""

import hashlib
import io
import os
import pathlib
import subprocess
import sys
import threading
from dataclasses import FrozenInstanceError
from typing import ClassVar

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from langchain_core.documents.base import Blob
from PIL import Image

import draw_images as draw
from draw_pdfs import Sheet, text
from draw_pdfs import pdf as drawn
from qwen_ocr_loader import Reader
from qwen_ocr_loader.download import Download
from qwen_ocr_loader.errors import (
    DamagedSource,
    DownloadFailed,
    EmptySource,
    MissingDependency,
    SourceError,
    SourceTooLarge,
    UnsupportedSource,
)
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.source import Found, Source, find, remember

PNG = draw.encoded(draw.marked(), "PNG")
PDF = b"%PDF-1.7\n%%EOF\n"
PNG_NAME = f"bytes:{hashlib.sha256(PNG).hexdigest()[:16]}"


def names(given, **options):
    return [found.name for found in find(given, **options)]


def base(name):
    return pathlib.PurePath(name).name


def opened(given, **options) -> Source:
    (found,) = find(given, **options)
    source = found.open()
    assert source.name == found.name
    return source


@pytest.fixture
def folder(tmp_path):
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


# --- paths and folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, pathlib.Path, pathlib.PurePosixPath])
def test_path(folder, kind):
    path = folder / "Zürich 扫描.png"
    source = opened(kind(path))
    assert (source.name, source.file_name, source.path) == (str(path), path.name, path)
    assert (source.mime, source.size, source.data) == ("image/png", len(PNG), PNG)
    assert source.sha256 == hashlib.sha256(PNG).hexdigest()


def test_name_is_the_path_as_given(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert opened("./b.png").name == "./b.png"
    assert opened(f"file://{folder}/b.png").path == folder / "b.png"


def test_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert opened("~/b.png").data == PNG


def test_folder_is_sorted_recursive_and_leaves_hidden_files_out(folder):
    found = list(find(folder))
    relative = [os.path.relpath(item.name, folder) for item in found]
    assert relative == ["Zürich 扫描.png", "a.PDF", "b.png", "notes.txt", "sub/c.jpg", "sub/deep/d"]
    assert all(item.from_folder for item in found)


def test_folder_members_of_another_kind_can_be_told_from_failures(folder):
    kinds = {}
    for item in find(folder):
        try:
            kinds[base(item.name)] = item.open().mime
        except UnsupportedSource as error:
            assert item.from_folder
            kinds[base(item.name)] = error.exit_code
    assert kinds["notes.txt"] == UnsupportedSource.exit_code
    assert kinds["c.jpg"] == "image/png"
    assert kinds["d"] == "application/pdf"


def test_glob(folder):
    assert [base(name) for name in names(folder, glob="*.png")] == ["Zürich 扫描.png", "b.png"]
    assert [base(name) for name in names(str(folder), glob="sub/*")] == ["c.jpg"]


@pytest.mark.parametrize(("glob", "kind"), [("*.docx", EmptySource), ("", SourceError), ("/abs", SourceError)])
def test_folder_with_nothing_to_read(folder, glob, kind):
    (found,) = find(folder, glob=glob)
    with pytest.raises(kind, match="glob=") as caught:
        found.open()
    assert caught.value.source == str(folder)


def test_links_in_a_circle_end(folder):
    (folder / "sub" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "link.png").symlink_to(folder / "b.png")
    relative = [os.path.relpath(name, folder) for name in names(folder)]
    assert "link.png" in relative
    assert "self.png" not in relative
    assert len(relative) == 7


def test_a_link_to_a_document_that_is_not_there_is_said(folder):
    (folder / "contract.pdf").symlink_to("/nowhere/contract.pdf")
    (folder / "current").symlink_to("/nowhere/at/all")  # of no document
    found = {found.name: found for found in find(folder)}
    assert str(folder / "current") not in found
    with pytest.raises(SourceError, match="No such file"):
        found[str(folder / "contract.pdf")].open()


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_name_that_is_no_text_costs_no_other_file(tmp_path):
    for name in (b"a.pdf", b"b\xff.pdf", b"c.pdf"):
        (tmp_path / os.fsdecode(name)).write_bytes(drawn(Sheet(text(40, 500, "Some words of its own"))))
    reader = Reader(engine="fake", on_error="skip")
    assert [page.text for page in reader.read(tmp_path)] == ["Some words of its own"] * 3
    assert reader.report.failures == []


def test_whatever_a_library_raises_costs_its_file_only(folder, monkeypatch):
    def refuse(source, **options):
        if source.file_name == "b.png":
            raise MemoryError("it is too odd")
        return open_pages(source, **options)

    monkeypatch.setattr("qwen_ocr_loader.run.open_pages", refuse)
    reader = Reader(engine="fake", on_error="skip")
    others = [page.origin.file_name for page in reader.pages(folder)]
    (failure,) = [failure for failure in reader.report.failures if failure.source.endswith("b.png")]
    assert others
    assert str(failure.error).endswith("the file cannot be read (MemoryError: it is too odd); leave it out")


def test_hidden_folder_named_by_the_user_is_read(folder):
    assert [base(name) for name in names(folder / ".git")] == ["e.png"]


@pytest.mark.parametrize("given", ["no/such.png", "", "a\0b", "x" * 5000, pathlib.Path("gone.pdf")])
def test_missing_path_says_what_to_check(given):
    (found,) = find(given)
    with pytest.raises(SourceError) as caught:
        found.open()
    assert type(caught.value) is SourceError
    assert caught.value.exit_code == 10


def test_missing_path_message_names_the_folder_it_counts_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (found,) = find("scna.pdf")
    with pytest.raises(SourceError, match=f"scna.pdf: no such file.*{tmp_path}"):
        found.open()


def test_a_file_that_goes_away(folder):
    source = opened(folder / "b.png")
    (folder / "b.png").unlink()
    for use in (lambda: source.data, lambda: source.sha256, lambda: source.size):
        with pytest.raises(SourceError, match="cannot be read"):
            use()


def test_pipe(folder):
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(PNG,))
    writer.start()
    assert opened(pipe).data == PNG
    writer.join()
    assert str(pipe) not in names(folder)


@pytest.mark.parametrize(
    ("data", "kind"), [(b"", EmptySource), (b"hello", UnsupportedSource), (b"PK\3\4", UnsupportedSource)]
)
def test_files_that_are_nothing_to_us(tmp_path, data, kind):
    (tmp_path / "x.pdf").write_bytes(data)
    for given in (tmp_path / "x.pdf", data):
        (found,) = find(given)
        with pytest.raises(kind) as caught:
            found.open()
        assert caught.value.source == found.name


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


# --- filesystems and URLs ---------------------------------------------------------------------------------------------


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    for path, data in {"/in/a.png": PNG, "/in/sub/b.pdf": PDF, "/in/.c.png": PNG, "/in/n.txt": b"hi"}.items():
        fs.pipe(path, data)
    yield fs
    fs.store.clear()


def test_fsspec_url(memory):
    source = opened("memory://in/a.png")
    assert (source.name, source.file_name, source.data) == ("memory://in/a.png", "a.png", PNG)


def test_fsspec_folder(memory):
    assert names("memory://in") == ["memory:///in/a.png", "memory:///in/n.txt", "memory:///in/sub/b.pdf"]
    assert [found.open().data for found in find("memory://in", glob="**/*.p*")] == [PNG, PDF]
    assert all(found.from_folder for found in find("memory://in"))


@pytest.mark.parametrize("given", ["/in/a.png", pathlib.PurePosixPath("/in/a.png")])
def test_path_within_a_filesystem(memory, given):
    assert opened(given, fs=memory).name == "/in/a.png"
    assert names("/in", fs=memory) == ["/in/a.png", "/in/n.txt", "/in/sub/b.pdf"]


def test_a_url_of_the_filesystem_given_is_its_own():
    class Mine(MemoryFileSystem):
        """With a token that nobody else has."""

        protocol = "mine"
        store: ClassVar[dict] = {}

        @classmethod
        def _strip_protocol(cls, path):
            return super()._strip_protocol(path.removeprefix("mine:/"))

        def __init__(self, token="", **options):
            super().__init__(**options)
            self.token = token

        def _open(self, path, **options):
            if self.token != "t":
                raise PermissionError("no token")
            return super()._open(path, **options)

    mine = Mine(token="t", skip_instance_cache=True)
    mine.pipe_file("/bucket/a.png", PNG)
    fsspec.register_implementation("mine", Mine, clobber=True)
    assert opened("mine://bucket/a.png", fs=mine).data == PNG
    assert names("mine://bucket", fs=mine) == ["mine:///bucket/a.png"]
    with pytest.raises(SourceError, match="PermissionError"):
        opened("mine://bucket/a.png")


def test_local_filesystem_is_just_paths(folder):
    assert opened(folder / "b.png", fs=fsspec.filesystem("file")).path == folder / "b.png"


def test_remote_failures(memory):
    for given, kind, says in (
        ("memory://gone.png", SourceError, "FileNotFoundError"),
        ("nosuchscheme://a/b", SourceError, "ValueError"),
        ("memory://in/n.txt", UnsupportedSource, "neither"),
    ):
        (found,) = find(given)
        with pytest.raises(kind, match=says):
            found.open()
    with pytest.raises(SourceTooLarge, match="max_bytes"):
        next(find("memory://in/a.png", download=Download(max_bytes=10))).open()
    with pytest.raises(EmptySource):
        next(find("memory://in", glob="*.docx")).open()


def test_without_fsspec_the_command_is_named():
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from qwen_ocr_loader.source import find\n"
        "try: next(find('s3://box/a.pdf')).open()\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingDependency s3://box/a.pdf")
    assert "pip install fsspec" in done.stdout


def test_filesystem_that_is_not_installed():
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependency, match="pip install"):
            next(find("s3://box/a.pdf")).open()


def test_url_is_named_without_its_secrets_and_fetched_when_opened():
    (found,) = find("http://ada:pw@127.0.0.1:9/a.pdf?token=x")
    assert found.name == "http://127.0.0.1:9/a.pdf"
    with pytest.raises(DownloadFailed, match="allow_private"):
        found.open()


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
