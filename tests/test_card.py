"""A page's result in a notebook."""

from html.parser import HTMLParser

from qwen_ocr_loader import PageResult
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.results import Field, Line, Table

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
BOX = Quad.from_box(0.1, 0.1, 0.5, 0.2)


class Tags(HTMLParser):
    """Which elements and attributes there are, and the text in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text, self.open = set(), set(), "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page(count: int = 1, text: str = HOSTILE, **more) -> PageResult:
    lines = tuple(Line(text, n * (len(text) + 1), n * (len(text) + 1) + len(text), BOX, 0.9) for n in range(count))
    return PageResult(0, 200, 300, "px", "\n".join([text] * count), lines=lines, engine=text[:99], **more)


def test_nothing_from_the_document_is_markup():
    seen = Tags(page(fields={HOSTILE: Field(HOSTILE, BOX)}, tables=(Table(HOSTILE, ((HOSTILE,),), BOX),))._repr_html_())
    assert seen.tags <= {"div", "b", "svg", "polygon", "table", "tr", "td"}
    assert not {name for name in seen.attributes if name.startswith("on") or name in ("src", "href")}
    assert seen.text.count(HOSTILE) == 4  # engine, name, value, line
    assert seen.open == []


def test_it_stays_small_and_says_what_it_leaves_out():
    html = page(5000, "word " * 1000, fields={"long": Field("x" * 10**6)})._repr_html_()
    assert "4,988 more lines" in html
    assert html.count("word") < 13 * 130
    assert len(html) < 200_000


def test_a_page_without_lines_shows_its_text():
    seen = Tags(PageResult(2, 0, 0, "px", "# Title\n" + "x" * 1000, truncated=True)._repr_html_())
    assert "# Title" in seen.text
    assert "408 more characters" in seen.text
    assert "Page 3" in seen.text
    assert "cut off" in seen.text
    assert "svg" not in seen.tags
