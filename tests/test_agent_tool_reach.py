"""The reach of an agent's tool: what it refuses to open, and how that is said."""

import os
import re

import pytest

from agent_inbox import inboxes, said
from draw_pdfs import Sheet, encrypted, pdf, prose
from http_server import LocalServer
from qwen_ocr_loader import Download, FakeEngine
from qwen_ocr_loader.agent_tool import DocumentTool, Refused
from qwen_ocr_loader.agent_tool.reach import Reach
from qwen_ocr_loader.errors import KeyRejected, SourceError
from qwen_ocr_loader.langchain import ocr_document as for_langchain
from qwen_ocr_loader.llama_index import ocr_document as for_llama_index
from qwen_ocr_loader.reader import Reader

inbox = pytest.fixture(inboxes)


# --- how far it reaches ---


@pytest.mark.parametrize(
    "file",
    ["../secret.pdf", "sub/../../secret.pdf", "{outside}", "link.pdf", "folder/secret.pdf", "/etc/passwd", "..", "/"],
)
def test_it_stays_under_its_root(inbox, file):
    (inbox / "link.pdf").symlink_to(inbox.parent / "secret.pdf")
    (inbox / "folder").symlink_to(inbox.parent)
    with pytest.raises(Refused, match="outside the folder"):
        said(inbox, file.format(outside=inbox.parent / "secret.pdf"))


@pytest.mark.parametrize("file", ["book.pdf", "./book.pdf", "../inbox/book.pdf", "{inside}", "alias.pdf"])
def test_ways_that_lead_to_a_file_under_the_root(inbox, file):
    (inbox / "alias.pdf").symlink_to(inbox / "book.pdf")
    assert said(inbox, file.format(inside=inbox / "book.pdf"), "1").records


def test_the_root_is_the_current_folder_unless_another_is_given(inbox, monkeypatch):
    monkeypatch.chdir(inbox)
    tool = DocumentTool.of({"engine": "fake"})
    assert tool.read({"file": "three.tiff"}).records
    with pytest.raises(Refused, match="outside"):
        tool.read({"file": str(inbox.parent / "secret.pdf")})
    assert DocumentTool.of({"root": None}).read({"file": str(inbox.parent / "secret.pdf")}).records


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x.pdf", "HTTPS://example.org/x", "file:///etc/passwd", "s3://b/x.pdf"]
)
def test_urls_only_where_they_are_allowed_and_never_other_schemes(inbox, url):
    with pytest.raises(Refused, match="URLs are not allowed"):
        said(inbox, url)
    with pytest.raises(Refused, match=r"not an address of the public|only http:// and|there is no host"):
        said(inbox, url, urls=True)


@pytest.mark.parametrize("file", ["file:/etc/passwd", "zip::x.zip", "~/x.pdf", "a\0b", "x" * 999, "a/" * 400, "loop"])
def test_odd_names_are_refused_in_words(inbox, file):
    (inbox / "loop").symlink_to(inbox / "loop")
    with pytest.raises(Refused) as refused:
        said(inbox, file)
    assert len(str(refused.value)) < 2_000


def test_a_private_address_is_fetched_only_where_the_operator_says_so(inbox):
    async def serve(exchange):
        await exchange.send(200, (inbox / "three.tiff").read_bytes())

    with LocalServer(serve) as server:
        with pytest.raises(Refused, match="not an address of the public Internet"):
            said(inbox, f"{server.url}/a.tiff", urls=True)
        assert not server.exchanges
        allowed = Download(allow_private=True)
        assert len(said(inbox, f"{server.url}/a.tiff", urls=True, download=allowed).records) == 3
        assert len(server.exchanges) == 1


class Swapping(Reach):
    """Somebody exchanges what was just looked at."""

    def _path(self, file):
        path = super()._path(file)
        there = path if path.parent == self.root else path.parent
        there.rename(there.with_name("moved"))
        there.symlink_to(self.root.parent / ("secret.pdf" if there == path else "secrets"))
        return path


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="no opening relative to a folder here")
@pytest.mark.parametrize("file", ["book.pdf", "sub/book.pdf"])
def test_a_link_that_is_swapped_in_meanwhile_leads_nowhere(inbox, file):
    for folder in (inbox / "sub", inbox.parent / "secrets"):
        folder.mkdir()
        (folder / "book.pdf").write_bytes((inbox.parent / "secret.pdf").read_bytes())
    with pytest.raises(Refused, match="cannot be read") as refused:
        DocumentTool(Reader(engine="fake"), Swapping.under(inbox, urls=False), 5, 12_000).read({"file": file})
    assert str(inbox) not in str(refused.value)


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="no opening relative to a folder here")
def test_what_was_looked_at_is_what_is_read(inbox):
    source = Reach.under(inbox, urls=False).place("book.pdf")
    (inbox / "book.pdf").unlink()
    (inbox / "book.pdf").symlink_to(inbox.parent / "secret.pdf")
    assert len(list(Reader(engine="fake").read(source))) == 7
    (inbox / "empty.pdf").touch()
    with pytest.raises(SourceError, match="no bytes"):
        Reach.under(inbox, urls=False).place("empty.pdf")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_folder_is_no_document_but_names_are_given(inbox):
    os.mkfifo(inbox / "pipe.pdf")
    (inbox / "sub").mkdir()
    with pytest.raises(Refused, match="no regular file"):
        said(inbox, "pipe.pdf")
    with pytest.raises(Refused, match=r"'sub' is a folder. The folder 'sub' has no files."):
        said(inbox, "sub")
    with pytest.raises(Refused, match=r"is not there. The folder has 'book.pdf', 'pipe.pdf', 'sub/', 'three.tiff'."):
        said(inbox, "bok.pdf")


# --- what is refused, and how that is said ---


def test_errors_say_what_to_do_and_nothing_of_this_machine(inbox):
    (inbox / "note.txt").write_text("hello there, this is no document")
    (inbox / "locked.pdf").write_bytes(encrypted(pdf(Sheet(prose())), user="pw"))
    (inbox / "empty.pdf").touch()
    cases = {
        ("note.txt", "1"): "neither an image nor a PDF",
        ("locked.pdf", "1"): "password",
        ("empty.pdf", "1"): "no bytes",
        ("book.pdf", "9"): "there are 7 pages",
        ("book.pdf", "two"): "write it like '1,3-5,9-'",
        ("book.pdf", "0"): "not a page or a range",
    }
    for (file, pages), words in cases.items():
        with pytest.raises(Refused, match=re.escape(words)) as refused:
            said(inbox, file, pages)
        assert str(inbox) not in str(refused.value)
    assert said(inbox, "locked.pdf", password="pw").records


def test_where_no_page_can_be_read_the_error_is_the_answer(inbox):
    engine = FakeEngine(dict.fromkeys(range(3), KeyRejected("the key was refused; set DASHSCOPE_API_KEY")))
    with pytest.raises(Refused, match=r"'three\.tiff', page 1: the key was refused"):
        said(inbox, engine=engine)
    with pytest.raises(Refused, match="DASHSCOPE_API_KEY"):
        said(inbox, engine="dashscope")


@pytest.mark.parametrize(
    "asked",
    [
        *({}, {"file": ""}, {"file": "x" * 2000}, {"file": None}, {"file": "three.tiff", "page": 1}),
        *({"file": "three.tiff", "start": -1}, {"file": "three.tiff", "start": "x"}),
        {"file": "three.tiff", "start": 10**3000},
        {"file": "three.tiff", "pages": "1," * 200},
    ],
)
def test_a_question_that_cannot_be_understood(inbox, asked):
    with pytest.raises(Refused, match="cannot be understood"):
        DocumentTool.of({"root": inbox, "engine": "fake"}).read(asked)


def test_settings_are_checked_at_once(inbox):
    with pytest.raises(TypeError, match="did you mean 'engine'"):
        for_langchain(engin="fake")
    with pytest.raises(TypeError, match="pages= is not for a tool"):
        for_llama_index(pages="1")
    with pytest.raises(ValueError, match="max_chars=10: want a whole number of 4000 or more"):
        for_langchain(max_chars=10)
    with pytest.raises(ValueError, match="is not a folder"):
        for_langchain(root=inbox / "nowhere")
