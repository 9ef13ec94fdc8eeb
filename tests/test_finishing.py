"""What is made of a page once it is read; and that nothing is lost where it cannot be."""

import pytest

from qwen_ocr_loader import EngineError, Reader
from qwen_ocr_loader.langchain import QwenOCRLoader


@pytest.fixture
def broken(monkeypatch):
    """Markdown that cannot be written of the second page."""
    from qwen_ocr_loader.markdown import page

    written = page.as_markdown

    def as_markdown(result):
        if result.page == 1:
            raise RecursionError("too deep")
        return written(result)

    monkeypatch.setattr(page, "as_markdown", as_markdown)


@pytest.fixture
def book(tmp_path):
    from PIL import Image

    path = tmp_path / "book.tiff"
    sheets = [Image.new("L", (40, 60), 200) for _ in range(3)]
    sheets[0].save(path, save_all=True, append_images=sheets[1:])
    return path


def test_a_page_that_cannot_be_put_in_order_is_named_and_the_others_come(broken, book):
    reader = Reader(engine="fake", text_format="markdown", on_error="skip")
    assert [page.page for page in reader.read(book)] == [0, 2]
    (failure,) = reader.report.failures
    assert failure.page == 1
    assert "too deep" in failure.error.message
    assert isinstance(failure.error, EngineError)


def test_a_placeholder_has_what_was_read_of_it(broken, book):
    docs = QwenOCRLoader(book, engine="fake", text_format="markdown", on_error="placeholder").load()
    assert [doc.page_content for doc in docs] == ["Page 1", "Page 2", "Page 3"]
    assert "too deep" in docs[1].metadata["error"]


async def test_the_same_async(broken, book):
    reader = Reader(engine="fake", text_format="markdown", on_error="skip")
    assert [page.page async for page in reader.aread(book)] == [0, 2]


def test_what_was_paid_for_is_counted_all_the_same(broken, book):
    reader = Reader(engine="fake", text_format="markdown", on_error="skip")
    list(reader.read(book))
    assert reader.report.usage.calls == 3
