"""Anything that a user names by a path or a URL, found and opened: files, folders, other filesystems."""

import hashlib
import os
import pathlib
import subprocess
import sys
import threading
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from draw_pdfs import Sheet, text
from draw_pdfs import pdf as drawn
from finding import PDF, PNG, filled, opened
from qwen_ocr_loader import Reader
from qwen_ocr_loader.download import Download
from qwen_ocr_loader.errors import (
    DownloadFailed,
    EmptySource,
    MissingDependency,
    SourceError,
    SourceTooLarge,
    UnsupportedSource,
)
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.source import find

folder = pytest.fixture(filled)


def names(given, **options):
    return [found.name for found in find(given, **options)]


def base(name):
    return pathlib.PurePath(name).name


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


def test_filesystem_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingDependency, match="pip install"):
        next(find("s3://box/a.pdf")).open()


def test_url_is_named_without_its_secrets_and_fetched_when_opened():
    (found,) = find("http://ada:pw@127.0.0.1:9/a.pdf?token=x")
    assert found.name == "http://127.0.0.1:9/a.pdf"
    with pytest.raises(DownloadFailed, match="allow_private"):
        found.open()
