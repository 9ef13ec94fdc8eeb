"""The viewer's file: what is in it, what cannot get out of its place, and the commands that write it."""

import base64
import hashlib
import io
import itertools
import json
import re
from contextlib import closing, nullcontext
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from PIL import Image

import qwen_ocr_loader.view
from draw_images import receipt
from draw_pdfs import Sheet, encrypted, pdf, prose
from qwen_ocr_loader import FakeEngine
from qwen_ocr_loader.cli import main
from qwen_ocr_loader.errors import DamagedSource, ServiceFailed, SourceError
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.page_pictures import Pictures
from qwen_ocr_loader.palette import FIELD, MARK, STEPS, TABLE, UNRATED
from qwen_ocr_loader.report import Origin, ReadPage
from qwen_ocr_loader.results import Agreement, Field, Line, PageResult, Place, Table
from qwen_ocr_loader.view import view, write_view
from qwen_ocr_loader.view.contents import as_script, contents
from qwen_ocr_loader.view.html import SCRIPTS

HOSTILE = "{{style}}{{script}}{{pages}}</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>&lt;\u2028\"'"
BOX, BELOW = Quad.from_box(0.1, 0.1, 0.5, 0.2), Quad.from_box(0.1, 0.3, 0.5, 0.4)


class Elements(HTMLParser):
    """Every element with its attributes and the text right in it, scripts as a browser ends them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag):
        self.found.append(("", {}, ""))

    def handle_data(self, data):
        if self.found:
            tag, attrs, text = self.found[-1]
            self.found[-1] = (tag, attrs, text + data)

    def of(self, tag: str, **wanted: str) -> list[str]:
        return [text for name, attrs, text in self.found if name == tag and wanted.items() <= attrs.items()]


def read_page(text: str = "one\ntwo", *, error=None, label="1", **more) -> ReadPage:
    return ReadPage(PageResult(0, 200, 300, "px", text, **more), Origin("a/b.png", "b.png"), label, error)


def hostile_page() -> ReadPage:
    return ReadPage(
        PageResult(
            0, 200, 300, "px", HOSTILE, lines=(Line(HOSTILE, 0, len(HOSTILE), BOX, 0.5),), engine=HOSTILE,
            fields={HOSTILE: Field({HOSTILE: [HOSTILE]}, BOX, problems=(HOSTILE,))},
            tables=(Table(HOSTILE, ((HOSTILE,),), BOX),), formulas=(HOSTILE,),
        ),
        Origin(HOSTILE, HOSTILE), HOSTILE, ServiceFailed(HOSTILE),
    )  # fmt: skip


def written(*pages: ReadPage, title: str = "") -> Elements:
    out = io.StringIO()
    assert write_view(pages, out, title=title) == len(pages)
    return Elements(out.getvalue())


# --- nothing gets out of its place ---


def test_whatever_a_page_says_stays_in_its_json():
    seen = written(hostile_page(), title=HOSTILE)
    [told] = seen.of("script", **{"class": "page"})
    assert json.loads(told) == json.loads(json.dumps(contents(hostile_page())))
    assert seen.of("title") == [HOSTILE]
    running = [attrs for tag, attrs, _ in seen.found if tag == "script" and "type" not in attrs]
    assert running == [{}]
    assert not {name for _, attrs, _ in seen.found for name in attrs if name.startswith("on")}
    plain = [(tag, attrs) for tag, attrs, _ in written(read_page()).found]
    assert [(tag, attrs) for tag, attrs, _ in seen.found] == plain


def test_json_in_a_script_has_nothing_a_parser_could_take_for_markup():
    said = as_script({HOSTILE: [HOSTILE]})
    assert not set("<>&") & set(said)
    assert json.loads(said) == {HOSTILE: [HOSTILE]}


def test_the_policy_allows_this_style_and_this_script_and_no_network():
    seen = written(read_page())
    [policy] = [attrs["content"] for tag, attrs, _ in seen.found if "http-equiv" in attrs]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    assert rules["default-src"] == ["'none'"]
    assert rules["img-src"] == ["data:", "blob:"]
    for kind, [text] in (("style-src", seen.of("style")), ("script-src", [seen.of("script")[-1]])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == [f"'sha256-{digest}'"]
    assert "require-trusted-types-for" in rules


def test_the_scripts_never_make_markup_of_text_nor_reach_for_the_network():
    code = "\n".join(files(qwen_ocr_loader.view).joinpath(name).read_text() for name in SCRIPTS)
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(|XMLHttp|https?://(?!www\.w3\.org/2000/svg)|\.href\b|setAttribute\(\"(on|style|src|href)"
    assert not re.search(banned, code)


# --- what is told ---


def test_offsets_are_those_a_browser_counts():
    page = read_page("😀😀 one 𝄞 two", lines=(Line("one", 3, 6, BOX, 0.9), Line("two", 9, 12)))
    told = contents(page)
    units = told["text"].encode("utf-16-le")
    spans = [units[2 * line["start"] : 2 * line["end"]].decode("utf-16-le") for line in told["lines"]]
    assert spans == ["one", "two"]
    assert told["lines"][0]["quad"] == [0.1, 0.1, 0.5, 0.2]
    assert told["lines"][1] == {"start": 12, "end": 15, "confidence": None, "quad": None, "grounded": False}


def test_a_field_has_the_places_on_this_page_and_doubts_have_their_words_and_boxes():
    lines = (Line("one", 0, 3, BOX, grounded=True), Line("two", 4, 7, BELOW))
    places = (Place((), "one", BOX), Place((), "two", BELOW), Place((), "three", BOX, page=1))
    agreement = Agreement("w", 0.5, (Line("lost", 3, 3, BELOW),), (Line("wo", 5, 7), Line("x", 99, 99)), doubtful=True)
    told = contents(read_page(lines=lines, fields={"a": Field("one two", BOX, places=places)}, agreement=agreement))
    below = [0.1, 0.3, 0.5, 0.4]
    assert [line["grounded"] for line in told["lines"]] == [True, False]
    assert told["fields"][0]["places"] == [[0.1, 0.1, 0.5, 0.2], below]
    assert told["doubts"] == [
        {"name": "left out", "value": "lost", "quad": below},
        {"name": "invented", "value": "wo", "quad": below},
        {"name": "invented", "value": "x", "quad": None},
    ]
    assert told["about"].endswith("w agrees on 50% of the words · to be looked at")


def test_numbers_that_json_does_not_know_are_told_in_words():
    page = read_page(fields={"a": Field([float("nan"), {"b": float("inf")}], confidence=float("nan"))})
    [field] = json.loads(as_script(contents(page)), parse_constant=pytest.fail)["fields"]
    assert (field["value"], field["confidence"]) == (["nan", {"b": "inf"}], None)


def test_what_is_wrong_with_a_page_is_on_it():
    assert contents(read_page(error=ServiceFailed("down for the day")))["note"] == "Not read: down for the day"
    assert "cut off" in contents(read_page(truncated=True))["note"]
    assert contents(read_page())["note"] == ""


def test_a_printed_page_number_is_told_where_it_is_another():
    assert contents(read_page(label="iv"))["title"] == "Page 1 (iv)"
    assert contents(read_page(label="1"))["title"] == "Page 1"
    assert contents(read_page()._replace(last=2))["title"] == "Pages 1 to 3"


def test_the_style_has_the_colours_of_the_palette():
    style = files(qwen_ocr_loader.view).joinpath("viewer.css").read_text()
    for step in STEPS:
        assert f".{step.name} {{ --step: {step.color}; }}" in style
    assert f".unrated {{ --step: {UNRATED.color}; }}" in style
    assert all(color in style for color in (FIELD, TABLE, MARK))
    limits = re.findall(
        r"confidence >= ([\d.]+) \? \"(\w+)\"", files(qwen_ocr_loader.view).joinpath("pages.js").read_text()
    )
    assert [(name, float(least)) for least, name in limits] == [(step.name, step.least) for step in STEPS[:-1]]


# --- pictures ---


def test_pages_of_all_kinds_have_their_pictures(tmp_path):
    receipt().image.save(tmp_path / "a.png")
    (tmp_path / "b.pdf").write_bytes(encrypted(pdf(Sheet(prose()), Sheet("", "0 0 600 300")), user="open"))
    report = view(tmp_path, tmp_path / "out.html", engine="fake", password="open")
    assert report.pages == 3
    seen = Elements((tmp_path / "out.html").read_text())
    told = [json.loads(text) for text in seen.of("script", **{"class": "page"})]
    for data, text in zip(told, seen.of("script", **{"class": "picture"}), strict=True):
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            assert image.get_format_mimetype() == data["picture"]
            assert image.width / image.height == pytest.approx(data["width"] / data["height"], rel=0.01)
    assert [data["source"] for data in told] == ["a.png", "b.pdf", "b.pdf"]


def test_a_page_that_failed_is_there_with_its_picture_and_its_error(tmp_path):
    receipt().image.save(tmp_path / "till.png")
    engine = FakeEngine({0: ServiceFailed("down for the day")})
    view(tmp_path / "till.png", tmp_path / "out.html", engine=engine, on_error="placeholder")
    seen = Elements((tmp_path / "out.html").read_text())
    [told] = map(json.loads, seen.of("script", **{"class": "page"}))
    assert told["note"] == "Not read: down for the day"
    assert (told["width"], told["height"]) == receipt().image.size
    assert len(seen.of("script", **{"class": "picture"})) == 1


def test_a_page_without_a_picture_says_why():
    out = io.StringIO()
    with Pictures() as pictures:
        write_view([read_page()], out, pictures)
    [told] = map(json.loads, Elements(out.getvalue()).of("script", **{"class": "page"}))
    assert told["note"].startswith("There is no picture of it: no such file")


def test_no_pages_are_a_file_too():
    assert written().of("script", **{"class": "page"}) == []


def test_pages_are_written_as_they_come(tmp_path):
    """So that memory does not grow with them."""
    out, lengths = io.StringIO(), []

    def pages():
        for _ in range(3):
            yield read_page("x" * 10_000)
            lengths.append(out.tell())

    write_view(pages(), out)
    assert all(later - sooner >= 10_000 for sooner, later in itertools.pairwise(lengths))


# --- where it is written ---


GIVEN = {
    "path": lambda path: path,
    "url": lambda path: path.as_uri(),
    "folder": lambda path: path.parent,
    "list": lambda path: [path.with_name("first.png"), [path]],
    "iterator": lambda path: iter([path]),
    "file": lambda path: path.open("rb"),
    "picture": Image.open,
}


@pytest.mark.parametrize("policy", ["raise", "skip", "placeholder"])
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_a_scan_is_not_written_over(given, policy, tmp_path):
    for name in ("first.png", "till.png"):
        receipt().image.save(tmp_path / name)
    before = (tmp_path / "till.png").read_bytes()
    (tmp_path / "link.html").symlink_to("till.png")
    for into in ("till.png", "link.html"):
        scan = given(tmp_path / "till.png")
        let_go = closing(scan) if hasattr(scan, "close") else nullcontext()
        with let_go, pytest.raises(SourceError, match="would overwrite it; give another path as into="):
            view(scan, tmp_path / into, engine="fake", on_error=policy)
    assert (tmp_path / "till.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_there_stays_until_all_of_the_new_is_written(tmp_path):
    receipt().image.save(tmp_path / "till.png")
    (tmp_path / "out.html").write_text("of yesterday")
    with pytest.raises(ServiceFailed):
        view(tmp_path / "till.png", tmp_path / "out.html", engine=FakeEngine({0: ServiceFailed("down for the day")}))
    assert (tmp_path / "out.html").read_text() == "of yesterday"
    assert len(list(tmp_path.iterdir())) == 2
    view(tmp_path, tmp_path / "out.html", engine="fake")
    assert len(Elements((tmp_path / "out.html").read_text()).of("script", **{"class": "page"})) == 1


def test_where_there_is_no_folder_it_is_an_oserror(tmp_path):
    receipt().image.save(tmp_path / "till.png")
    with pytest.raises(FileNotFoundError):
        view(tmp_path / "till.png", tmp_path / "none" / "out.html", engine="fake")


def test_a_file_whose_name_is_not_utf8_is_written_as_utf8():
    page = ReadPage(PageResult(0, 200, 300, "px", "one"), Origin("a/b\udcff.png", "b\udcff.png"), "1")
    out = io.StringIO()
    write_view([page], out)
    seen = Elements(out.getvalue().encode().decode())
    assert seen.of("title") == ["b?.png"]
    assert json.loads(seen.of("script", **{"class": "page"})[0])["source"] == "b\udcff.png"


# --- commands ---


@pytest.fixture
def tiff(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = [Image.new("L", (60, 40), 200 + n) for n in range(3)]
    frames[0].save("three pages.tiff", save_all=True, append_images=frames[1:])
    return tmp_path / "three pages.tiff"


def test_view_writes_a_file_beside_and_says_so(tiff, tmp_path, capsys):
    assert main(["view", str(tiff), "-e", "fake"]) == 0
    assert capsys.readouterr().out == "three_pages.html: 3 pages\n"
    assert len(Elements((tmp_path / "three_pages.html").read_text()).of("script", **{"class": "page"})) == 3
    assert main(["view", str(tiff), "-e", "fake", "-p", "2", "-o", "other.html"]) == 0
    assert capsys.readouterr().out == "other.html: 1 page\n"


def test_view_shows_what_could_be_read_and_its_exit_code_tells_of_the_rest(tiff, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    assert main(["view", str(tmp_path), "-e", "fake", "-o", "out.html"]) == DamagedSource.exit_code
    said = capsys.readouterr()
    assert said.out == "out.html: 4 pages\n"
    assert "bad.png" in said.err


def test_draw_writes_a_picture_a_page(tiff, tmp_path, capsys):
    assert main(["draw", str(tiff), str(tiff), "-e", "fake", "-p", "1-2", "-o", "out/boxes"]) == 0
    names = ["three_pages-1.png", "three_pages-2.png", "three_pages-1-2.png", "three_pages-2-2.png"]
    assert capsys.readouterr().out.split() == [f"out/boxes/{name}" for name in names]
    with Image.open(tmp_path / "out/boxes" / names[0]) as image:
        assert image.size == (60, 40)
        assert len(image.getcolors(10_000)) > 3


def test_draw_never_writes_over_what_it_has_written(tiff, tmp_path, capsys):
    for name in ("a.tiff", "a-1.tiff", "A.tiff"):
        (tmp_path / name).write_bytes(tiff.read_bytes())
    names = [str(tmp_path / name) for name in ("a.tiff", "a.tiff", "a-1.tiff", "A.tiff")]
    assert main(["draw", *names, "-e", "fake", "-p", "1-2", "-o", "out"]) == 0
    assert len(list((tmp_path / "out").iterdir())) == len(capsys.readouterr().out.split()) == 8
    assert len({path.name.casefold() for path in (tmp_path / "out").iterdir()}) == 8


def test_draw_can_be_told_what(tiff, tmp_path):
    main(["draw", str(tiff), "-e", "fake", "--only", "fields"])
    with Image.open(tmp_path / "boxes" / "three_pages-1.png") as image:
        assert len(image.getcolors(10_000)) == 1


def test_a_pipe_is_viewed_with_its_picture(tiff, tmp_path, monkeypatch):
    class Pipe:
        buffer = io.BytesIO(tiff.read_bytes())

    monkeypatch.setattr("sys.stdin", Pipe)
    assert main(["view", "-", "-e", "fake"]) == 0
    assert len(Elements((tmp_path / "scan.html").read_text()).of("script", **{"class": "picture"})) == 3


def test_where_nothing_can_be_written_it_says_what_to_give(tiff, capsys):
    assert main(["view", str(tiff), "-e", "fake", "-o", "nowhere/out.html"]) != 0
    assert "give another --output" in capsys.readouterr().err
