"""Engines: found by name, one contract for all, the local one on real pixels."""

import asyncio
import pickle
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from qwen_ocr_loader import Engine, FakeEngine, LocalEngine, MissingDependency, Reader, Scan
from qwen_ocr_loader.engine_settings import engine_from_dict
from qwen_ocr_loader.engines import GROUP, OWN, able_engines, engine_factories, installed, make_engine, tasks_of
from qwen_ocr_loader.engines.ppocr import _tiles
from qwen_ocr_loader.errors import UnsupportedTask
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.tasks import parse_tasks

RECEIPT = Path(__file__).parent.parent / "examples" / "documents" / "receipt.jpg"


def scan_of(image: Image.Image) -> Scan:
    return Scan(3, float(image.width), float(image.height), "px", PageImage.from_pixels(image))


def printed(text: str, size=(900, 220), turn: int = 0, ink=20, paper=250) -> Image.Image:
    image = Image.new("L", size, paper)
    ImageDraw.Draw(image).text((60, 80), text, font=ImageFont.load_default(44), fill=ink)
    return image.rotate(turn, expand=True)


def plug_in(folder: Path, engines: dict[str, tuple[str, str]]) -> None:
    """A package with engines: by name, the entry point and what its module says."""
    about = folder / "other-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    points = "".join(f"{name} = {point}\n" for name, (point, _) in engines.items())
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    for point, code in engines.values():
        (folder / f"{point.partition(':')[0]}.py").write_text(f"{code}\n")


def test_ours_come_through_the_plugin_door():
    ours = distribution("qwen-ocr-loader").entry_points.select(group=GROUP)
    assert {point.name: point.value for point in ours} == OWN
    assert OWN.keys() <= engine_factories().keys()
    assert list(engine_factories()) == sorted(engine_factories())


def test_ours_are_made_without_looking_them_up(monkeypatch):
    monkeypatch.delattr("importlib.metadata.entry_points")
    assert [make_engine(name).name.partition(":")[0] for name in sorted(OWN)] == sorted(OWN)


def test_no_other_package_can_stand_for_one_of_ours(tmp_path, monkeypatch):
    about = tmp_path / "other-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\nlocal = builtins:object\nother = qwen_ocr_loader:FakeEngine\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert make_engine("local") == LocalEngine()
    assert make_engine("other") == FakeEngine()
    assert set(engine_factories()) >= {"fake", "local", "other"}
    assert engine_factories()["local"].load() is LocalEngine


def test_what_goes_wrong_inside_another_package_is_said_as_it_is(tmp_path, monkeypatch):
    modules = {
        "unready": "raise ImportError('its library is too old')",
        "broken": "{}['a setting of its own']",
        "bare": "import a_package_that_is_not_there",
    }
    plug_in(tmp_path, {name: (f"{name}_engine:Engine", code) for name, code in modules.items()})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyError, match="a setting of its own"):
        make_engine("broken")
    with pytest.raises(MissingDependency, match="pip install a_package_that_is_not_there"):
        make_engine("bare")
    with pytest.raises(MissingDependency, match=r"'unready' cannot be loaded: its library is too old$"):
        make_engine("unready")
    with pytest.raises(ValueError, match=r"there is no 'brocken'.*broken"):
        make_engine("brocken")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("from json import nothere", "cannot import name 'nothere' from 'json'"),
        ("import json.nothere", "No module named 'json.nothere'"),
        ("raise ModuleNotFoundError('ours')", "ours"),
    ],
)
def test_nothing_is_to_be_installed_where_the_package_is_here(module, said, tmp_path, monkeypatch):
    plug_in(tmp_path, {"halfway": ("halfway_engine:Engine", module)})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency) as told:
        make_engine("halfway")
    assert told.value.message.startswith(f"engine 'halfway' cannot be loaded: {said}")
    assert "pip install" not in told.value.message


def test_the_tasks_of_plug_ins_are_those_they_list(tmp_path, monkeypatch):
    listed = {
        "a_set": "class Engine:\n  tasks = frozenset({'formula_recognition'})",
        "a_list": "class Engine:\n  tasks = ['formula_recognition']",
        "a_property": "class Engine:\n  @property\n  def tasks(self):\n    return {'formula_recognition'}",
        "a_factory": "def Engine(model=None):\n  pass",
        "a_text": "class Engine:\n  tasks = 'formula_recognition'",
        "lists": "class Engine:\n  tasks = [[]]",
        "absent": "import a_package_that_is_not_there",
        "broken": "{}['a setting of its own']",
        "nothing": "",
        "the_end": "raise SystemExit(1)",
    }
    plug_in(tmp_path, {name: (f"{name}_listing:Engine", code) for name, code in listed.items()})
    monkeypatch.syspath_prepend(tmp_path)
    points = engine_factories()
    tasks = {name: tasks_of(points[name]) for name in listed}
    assert {name for name, known in tasks.items() if known is not None} == {"a_list", "a_set"}
    assert tasks["a_set"] == tasks["a_list"] == {"formula_recognition"}
    assert list(able_engines("formula_recognition")) == ["a_list", "a_set", "dashscope", "openai"]
    with pytest.raises(UnsupportedTask, match="engine='a_set', engine='dashscope'"):
        list(Reader(engine="local", task="formula_recognition").read(RECEIPT))


def test_an_engine_of_another_package_has_no_extra_of_ours():
    mine = SimpleNamespace(name="mine:v1", requires=("json", "a_package_that_is_not_there", "not.there.either"))
    with pytest.raises(MissingDependency) as told:
        installed(mine)
    assert str(told.value) == (
        "mine needs a_package_that_is_not_there, not.there.either; "
        "type: pip install a_package_that_is_not_there not.there.either"
    )
    ours = SimpleNamespace(name="local:v1", requires=("a_package_that_is_not_there",))
    with pytest.raises(MissingDependency, match=r"type: pip install 'qwen-ocr-loader\[local\]'$"):
        installed(ours)


def test_auto_may_be_written_down_too(monkeypatch):
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    assert engine_from_dict({"name": "auto", "settings": {"threads": 1}}) == LocalEngine(threads=1)


@pytest.mark.parametrize("name", ["fake", "local"])
def test_contract(name):
    engine = make_engine(name)
    assert isinstance(engine, Engine)
    tasks = parse_tasks("text_recognition")
    scan = scan_of(printed("Contract 2026"))
    result = engine.read(scan, tasks)
    assert asyncio.run(engine.aread(scan, tasks)) == result
    assert (result.page, result.width, result.height, result.unit) == (3, 900, 220, "px")
    assert result.engine == engine.name
    assert result.tasks == ("text_recognition",)
    for line in result.lines:
        assert result.text[line.start : line.end] == line.text
        assert all(0 <= v <= 1 for point in line.quad for v in point)
    assert pickle.loads(pickle.dumps(engine)) == engine
    assert make_engine(engine) is engine


def test_names_make_the_engine_again():
    assert make_engine(LocalEngine().name) == LocalEngine("PP-OCRv6-small")
    assert LocalEngine("PP-OCRv6-small").name == LocalEngine().name == "local:PP-OCRv6-small"
    with pytest.raises(ValueError, match="no model 'large'"):
        make_engine("local:large")


def test_auto_is_local_without_a_key():
    assert make_engine("auto") == LocalEngine()


def test_what_is_no_engine_is_refused():
    with pytest.raises(TypeError, match="want a name or an engine object, not int"):
        make_engine(17)


# --- local -----------------------------------------------------------------------------------------------------------


def test_an_engine_without_models_says_so():
    with pytest.raises(ValueError, match=r"'fake' has no models to choose from; type: engine='fake'"):
        make_engine("fake:big")


def test_a_scanned_receipt_is_read_row_by_row():
    (page,) = Reader(engine="local").read(RECEIPT)
    rows = page.text.split("\n")
    assert "TOTAL\t28.32" in rows
    assert "1 x Apple & rosemary cake\t4.50" in rows
    assert page.confidence > 0.95


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_text_is_read_whichever_way_it_is_turned_and_its_quad_starts_where_it_does(turn):
    image = printed("Harbour dredging resumed", turn=turn)
    page = LocalEngine().read(scan_of(image), parse_tasks("advanced_recognition"))
    (line,) = page.lines
    assert line.text == "Harbour dredging resumed"
    assert line.quad.angle(page.width, page.height) % 360 == pytest.approx(-turn % 360, abs=3)


def test_light_print_on_dark_and_colour_are_read():
    page = LocalEngine().read(scan_of(printed("Night menu", ink=240, paper=30)), parse_tasks("text_recognition"))
    assert page.text == "Night menu"
    colour = Image.merge("RGB", [printed("Red letter"), printed("Red letter", ink=200), printed("Red letter")])
    assert LocalEngine().read(scan_of(colour), parse_tasks("text_recognition")).text == "Red letter"


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3), (3, 9000), (40, 40)])
def test_blank_and_odd_sizes_are_empty_pages(size):
    page = LocalEngine().read(scan_of(Image.new("L", size, 255)), parse_tasks("text_recognition"))
    assert (page.text, page.lines) == ("", ())


def test_boxes_cover_the_ink():
    image = printed("Covered")
    (line,) = LocalEngine().read(scan_of(image), parse_tasks("advanced_recognition")).lines
    left, top, right, bottom = image.point(lambda v: 255 * (v < 128)).getbbox()
    box = line.quad.bounds
    assert box.left * 900 <= left + 4
    assert box.right * 900 >= right - 4
    assert box.top * 220 <= top + 4
    assert box.bottom * 220 >= bottom - 4


def test_spaces_that_the_recogniser_drops_are_put_back():
    (page,) = Reader(engine="local").read(printed("Date:17/10/2026  Total:  28.32"))
    assert page.text.replace("\t", " ").split() == ["Date:17/10/2026", "Total:", "28.32"]


def test_a_long_strip_keeps_all_its_lines():
    size, lines = (900, 14000), [f"Line {n} of the roll" for n in range(180)]
    for turned in (False, True):
        image = Image.new("L", size, 250)
        draw = ImageDraw.Draw(image)
        for n, text in enumerate(lines):
            draw.text((60, 40 + 77 * n), text, font=ImageFont.load_default(26), fill=20)
        image = image.rotate(90, expand=True) if turned else image
        page = LocalEngine().read(scan_of(image), parse_tasks("text_recognition"))
        read = [line.text.replace(" ", "") for line in page.lines]
        assert len(read) == 180
        assert sum(text.replace(" ", "") in read for text in lines) > 170


@given(st.integers(1, 60_000), st.integers(1, 3000))
def test_tiles_cover_a_page_once(long, short):
    long, short = max(long, short), min(long, short)
    tiles = list(_tiles(long, short))
    assert tiles[0][2] == 0
    assert tiles[-1][3] == long + 1
    assert all(a[3] == b[2] for a, b in pairwise(tiles))
    assert all(0 <= start <= own < end <= long for start, end, own, _ in tiles)


# --- fake ------------------------------------------------------------------------------------------------------------


def test_the_fake_says_what_it_is_told():
    engine = FakeEngine({3: "one\n\ntwo"})
    page = engine.read(scan_of(printed("x")), parse_tasks("multi_lan"))
    assert [(line.text, line.quad) for line in page.lines] == [("one", None), ("two", None)]
    assert engine.calls == [3]
