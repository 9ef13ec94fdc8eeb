"""Flat to rich to flat, and rich to flat to rich, without loss."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic import Field as Asked

from citing import document, metadata_of, result_of
from qwen_ocr_loader import Field, Line, PageResult, Quad, Table
from qwen_ocr_loader.citations import to_flat, to_rich
from qwen_ocr_loader.render import line_table, rich

CHROMA = str | int | float | bool


def turned(*numbers):
    return Quad.from_pixels(list(zip(numbers[::2], numbers[1::2], strict=True)), 1.0, 1.0)


PAGE = PageResult(
    *(0, 10.0, 10.0, "px", "Total 9.80"),
    lines=(
        Line("Total", 0, 5, Quad.from_box(0.1234567, 0.2, 0.3, 0.25), 0.87654321),
        Line("9.80", 6, 10, turned(0.7, 0.2, 0.8, 0.3, 0.75, 0.35, 0.65, 0.25)),
    ),
    fields={"total": Field("9.80", Quad.from_box(0.7, 0.2, 0.8, 0.25), 0.5, 0, ("not a number",)), "date": Field(None)},
    tables=(Table("<table></table>", (("a", "b"),), Quad.from_box(0, 0, 1, 1)),),
)


def plain(value):
    return json.loads(json.dumps(value))


def test_rich_metadata_survives_being_flat():
    whole = {**metadata_of(PAGE), **rich([PAGE])}
    flat = to_flat(whole)
    assert {type(value) for value in flat.values()} <= {str, int, float, bool}
    back = to_rich(flat)
    assert plain(back) == plain(whole)
    assert back["lines"][0]["quad"] == PAGE.lines[0].quad
    assert isinstance(back["lines"][0]["quad"], Quad)
    assert back["fields"]["total"]["quad"] == PAGE.fields["total"].quad
    assert to_flat(back) == flat


def test_flat_metadata_survives_being_rich():
    flat = document(["Total", "9.80"], title="", needs_review=False).metadata
    whole = to_rich(flat, "Total\n9.80\n")
    assert [line["text"] for line in whole["lines"]] == ["Total", "9.80"]
    assert to_flat(whole) == flat
    assert "lines" not in flat


def test_flat_fields_become_a_dict():
    written = '{"total":{"value":"9.80","page":0,"box":[7000,2000,8000,2500]}}'
    flat = {**document(["Total"]).metadata, "fields": written}
    whole = to_rich(flat)
    assert whole["fields"]["total"]["value"] == "9.80"
    assert to_flat(whole) == flat
    assert to_rich({"fields": ""})["fields"] == ""


def test_what_stores_drop_is_kept_as_json():
    given_ = {"none": None, "nan": float("inf"), "list": [1, 0.5], "text": "null", "page": 1}
    flat = to_flat(given_)
    assert {type(value) for value in flat.values()} <= {str, int}
    assert to_rich(flat) == given_


unit = st.integers(0, 9999)


@given(st.lists(st.one_of(st.tuples(*[unit] * 4), st.tuples(*[unit] * 8)), max_size=5))
def test_every_table_survives(boxes):
    rows = [[n * 3, 2, n, *box] for n, box in enumerate(boxes)]
    for row in rows:
        if len(row) == 7:
            row[3:] = [min(row[3], row[5]), min(row[4], row[6]), max(row[3], row[5]), max(row[4], row[6])]
    flat = {"page": 0, "ocr_lines": json.dumps(rows, separators=(",", ":")) if rows else ""}
    assert to_flat(to_rich(flat, "xx " * 5)) == flat


def test_a_table_of_a_result_is_its_rich_lines():
    result = result_of(["a", "b"])
    flat = {"page": 0, "ocr_lines": line_table(result.lines)}
    assert [line["start"] for line in to_rich(flat)["lines"]] == [0, 2]


def test_a_models_instance_and_dates_become_json():
    class Bill(BaseModel):
        total: Decimal = Asked(alias="Total")
        day: date

    typed = Bill(Total="12.50", day="2024-03-01")
    flat = to_flat(
        {"source": "a.pdf", "typed": typed, "made": datetime(2024, 3, 1, 12, tzinfo=UTC), "at": [Decimal("1.5")]}
    )
    assert all(isinstance(value, str) for value in flat.values())
    back = to_rich(flat)
    assert back["typed"] == {"Total": "12.50", "day": "2024-03-01"}
    assert (back["made"], back["at"]) == ("2024-03-01T12:00:00+00:00", ["1.5"])


def test_an_object_that_nothing_can_write_is_named():
    with pytest.raises(TypeError, match="holds a object, which no store takes"):
        to_flat({"thing": object()})
