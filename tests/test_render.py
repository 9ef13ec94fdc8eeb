"""Records: metadata any store takes, exact line tables, ids that stay."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel

from qwen_ocr_loader import FakeEngine, Field, Line, LocalEngine, PageResult, Quad, Reader
from qwen_ocr_loader.errors import ServiceFailed
from qwen_ocr_loader.render import Records, line_table, markdown, recipe, records, text_hash
from qwen_ocr_loader.results import Agreement

KEYS = {
    *("source", "page", "page_number", "page_label", "total_pages", "file_name", "mime_type"),
    *("page_width", "page_height", "page_unit", "ocr_engine", "ocr_task", "text_format", "text_source"),
    *("ocr_key", "ocr_lines", "title", "author", "producer", "creator", "creationdate", "moddate"),
}
SAID = PageResult(
    *(0, 1, 1, "px", "Total\t9.80"),
    lines=(
        Line("Total", 0, 5, Quad.from_box(0.1, 0.2, 0.3, 0.25)),
        Line("9.80", 6, 10, Quad.from_box(0.7, 0.2, 0.8, 0.25)),
    ),
)


@pytest.fixture
def tiff(tmp_path):
    frames = [Image.new("L", (60, 40), 200 + n) for n in range(3)]
    frames[0].save(tmp_path / "three.tiff", save_all=True, append_images=frames[1:])
    return tmp_path / "three.tiff"


def made(source, **options):
    options.setdefault("engine", FakeEngine({0: SAID}))
    return list(records(Reader(**options), source))


def test_flat_metadata_has_always_the_same_keys_and_scalars_only(tiff):
    for record in made(tiff):
        assert set(record.metadata) == KEYS
        assert {type(value) for value in record.metadata.values()} <= {str, int, float, bool}


def test_pages_are_counted_from_0_and_from_1(tiff):
    second = made(tiff)[1].metadata
    assert (second["page"], second["page_number"], second["page_label"], second["total_pages"]) == (1, 2, "2", 3)
    assert (second["source"], second["file_name"], second["mime_type"]) == (str(tiff), "three.tiff", "image/tiff")


def test_the_line_table_points_into_the_text(tiff):
    record = made(tiff)[0]
    rows = json.loads(record.metadata["ocr_lines"])
    assert [record.text[start : start + length] for start, length, *_ in rows] == ["Total", "9.80"]
    assert [row[2] for row in rows] == [text_hash("Total"), text_hash("9.80")]
    assert rows[0][3:] == [1000, 2000, 3000, 2500]


def test_lines_without_boxes_are_not_given_any(tiff):
    assert made(tiff, engine=FakeEngine({0: "no box"}))[0].metadata["ocr_lines"] == ""


def test_a_turned_line_keeps_its_four_corners():
    upside_down = Quad.from_pixels([(30, 25), (10, 25), (10, 20), (30, 20)], 100, 100)
    (row,) = json.loads(line_table([Line("x", 0, 1, upside_down)]))
    assert row[3:] == [3000, 2500, 1000, 2500, 1000, 2000, 3000, 2000]


unit = st.floats(0, 1)


@given(st.lists(st.tuples(unit, unit), min_size=4, max_size=4))
def test_quads_survive_their_integers(points):
    quad = Quad.from_pixels(points, 1, 1)
    ints = quad.to_ints()
    assert len(ints) in (4, 8)
    assert all(0 <= n <= 9999 for n in ints)
    back = Quad.from_ints(ints)
    near = quad.bounds.height / 5 + 1e-4
    assert all(abs(p.x - q.x) <= near and abs(p.y - q.y) <= near for p, q in zip(quad, back, strict=True))


def test_ids_are_stable_and_follow_what_changes_the_text(tiff, tmp_path):
    ids = [record.id for record in made(tiff)]
    assert len(set(ids)) == 3
    assert [record.id for record in made(tiff)] == ids
    moved = tmp_path / "moved.tiff"
    moved.write_bytes(tiff.read_bytes())
    assert [record.id for record in made(moved)] == ids
    assert [record.id for record in made(tiff, dpi=300)] != ids
    assert [record.id for record in made(tiff, concurrency=1, show_progress=False)] == ids


def test_pages_read_together_are_another_record_than_fewer_of_them(tiff):
    class Together(FakeEngine):
        def read_together(self, scans, tasks):
            return scans[0].result(self, tasks, " ".join(f"P{scan.page}" for scan in scans))

        async def aread_together(self, scans, tasks):
            return self.read_together(scans, tasks)

    read = [
        made(tiff, engine=Together(), task="text_recognition", pages_per_call=3, pages=pages)[0]
        for pages in ("1-3", "1-2")
    ]
    assert [record.text for record in read] == ["P0 P1 P2", "P0 P1"]
    assert read[0].id != read[1].id


def test_ids_of_the_local_engine_are_the_same_on_every_machine(monkeypatch):
    def ids_and_keys(engine):
        return recipe(Reader(engine=engine)), engine.settings

    here = ids_and_keys(LocalEngine())
    monkeypatch.setattr("qwen_ocr_loader.engines.local.chosen", lambda _: "another runtime")
    there = ids_and_keys(LocalEngine())
    assert (there[0] == here[0], there[1] == here[1]) == (True, False)
    others = [LocalEngine(runtime="onnxruntime"), LocalEngine(languages="ru"), LocalEngine(model="PP-OCRv6-tiny")]
    assert len({here[0], *(recipe(Reader(engine=other)) for other in others)}) == 4


def test_a_page_that_was_cut_off_is_named(tiff, caplog):
    cut = replace(SAID, truncated=True, fields={"Total": Field("9.80")})
    reader = Reader(engine=FakeEngine({0: SAID, 1: cut}), fields={"Total": ""})
    said = list(records(reader, tiff))
    assert said[1].metadata["needs_review"]
    assert reader.report.cut_off == [(str(tiff), 1)]
    assert reader.report.to_dict()["cut_off"] == [{"source": str(tiff), "page": 1}]
    assert f"{tiff}, page 2: the reply stops in the middle" in caplog.text


def test_single_mode_has_a_key_for_every_page(tmp_path):
    frames = [Image.new("L", (60, 40), level) for level in (200, 210, 200)]
    frames[0].save(tmp_path / "three.tiff", save_all=True, append_images=frames[1:])
    (record,) = made(tmp_path / "three.tiff", mode="single", cache=tmp_path / "cache")
    first, second, third = record.metadata["ocr_key"].split(",")
    assert first == third != second


def test_single_mode_keeps_every_page_and_line_findable(tiff):
    (record,) = made(tiff, mode="single", engine=FakeEngine({0: SAID, 1: "two\nlines"}))
    assert record.text == "Total\t9.80\n\ftwo\nlines\n\fPage 3"
    spans = json.loads(record.metadata["page_spans"])
    assert [record.text[start : start + length] for _, start, length, *_ in spans] == [
        "Total\t9.80",
        "two\nlines",
        "Page 3",
    ]
    assert [page for page, *_ in spans] == [0, 1, 2]
    assert [tuple(sizes) for _, _, _, *sizes in spans] == [(60, 40)] * 3
    rows = json.loads(record.metadata["ocr_lines"])
    assert [record.text[row[0] : row[0] + row[1]] for row in rows] == ["Total", "9.80", "Page 3"]


def test_single_mode_is_one_record_a_file(tiff, tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "zz.png")
    assert [r.metadata["total_pages"] for r in made(tmp_path, mode="single")] == [3, 1]


def test_whether_a_file_needs_a_review_is_told_by_its_fields_as_a_whole(tiff):
    class Bill(BaseModel):
        total: str
        payer: str

    words = {"witness": "engine", "score": 1.0}
    pages = {
        0: PageResult(0, 60, 40, "px", "9.80", fields={"total": Field("9.80")}, agreement=Agreement(**words)),
        1: PageResult(1, 60, 40, "px", "Ann", fields={"payer": Field("Ann")}, agreement=Agreement(**words)),
        2: PageResult(2, 60, 40, "px", "", agreement=Agreement(**words)),
    }
    options = {"engine": FakeEngine(pages), "fields": Bill, "mode": "single"}
    (record,) = made(tiff, **options)
    assert record.metadata["needs_review"] is False
    heard = Records(Reader(**options, witness="local"))
    said = [*(made for page in Reader(**options).pages(tiff) for made in heard.add(page)), *heard.finish()]
    assert [(r.metadata["needs_review"], r.metadata["agreement"]) for r in said] == [(False, 1.0)]


def test_rich_metadata_adds_objects(tiff):
    record = made(tiff, metadata="rich")[0]
    lines = record.metadata["lines"]
    assert [record.text[line["start"] : line["end"]] for line in lines] == ["Total", "9.80"]
    assert json.loads(json.dumps(lines))[0]["quad"][0] == [0.1, 0.2]
    assert set(record.metadata) == KEYS | {"lines", "fields", "tables"}


def test_a_placeholder_says_why_in_metadata_never_in_its_text(tiff):
    engine = FakeEngine({1: ServiceFailed("down for the day")})
    made_records = made(tiff, engine=engine, on_error="placeholder")
    assert [record.metadata["error"] for record in made_records] == ["", "ServiceFailed: down for the day", ""]
    assert made_records[1].text == ""
    assert all(set(record.metadata) == KEYS | {"error"} for record in made_records)


def test_markdown_keeps_line_breaks():
    page = PageResult(0, 1, 1, "px", "a\nb\n\nc")
    assert markdown(page) == "a  \nb\n\nc"
