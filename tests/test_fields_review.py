"""Fields on their way through a reader: into metadata, the report, and the list of what to look at."""

import io
import json
import pickle
from dataclasses import replace
from decimal import Decimal

import pytest
from PIL import Image
from pydantic import BaseModel
from pydantic import Field as F

from qwen_ocr_loader import FakeEngine, Field, Options, PageResult, Quad, Reader
from qwen_ocr_loader.cli import main
from qwen_ocr_loader.cli_pages import write_review
from qwen_ocr_loader.fields.checks import adds_up
from qwen_ocr_loader.fields.completion import PageFields, of_file
from qwen_ocr_loader.fields.review import Item, review
from qwen_ocr_loader.layout import TextBox, compose
from qwen_ocr_loader.render import records
from qwen_ocr_loader.results import Agreement


class Line(BaseModel):
    name: str
    amount: Decimal


class Bill(BaseModel):
    seller: str = F(alias="Seller")
    items: list[Line] = F(alias="Items")
    total: Decimal = F(alias="Total")

    sums = adds_up("total", "items[].amount")


def page(rows, **fields):
    boxes = [
        TextBox(text, Quad.from_box(0.1 + 0.4 * side, 0.1 * row, 0.3 + 0.4 * side, 0.1 * row + 0.05), 0.9)
        for row, texts in enumerate(rows, 1)
        for side, text in enumerate(texts)
    ]
    text, lines = compose(boxes, 100, 100)
    return PageResult(
        0, 100, 100, "px", text, lines=lines, fields={name: Field(value) for name, value in fields.items()}
    )


FIRST = page([["ACME"], ["Nuts", "1.50"]], Seller="ACME", Items=[{"name": "Nuts", "amount": "1.50"}], Total=None)
SECOND = page([["Bolts", "2.50"], ["Total", "4.00"]], Items=[{"name": "Bolts", "amount": "2.50"}], Total="4.00")


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "bill.tiff"
    pages = [Image.new("L", (100, 100), 255) for _ in range(2)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def reader(fields=Bill, **options):
    return Reader(engine=FakeEngine({0: FIRST, 1: SECOND}), fields=fields, **options)


def test_pages_have_problems_and_the_file_is_whole(scan):
    read = reader()
    first, second = read.pages(scan)
    assert first.typed is second.typed is None
    assert first.result.fields["Total"].problems
    (file,) = read.report.files
    assert file.typed == Bill(
        Seller="ACME", Items=[{"name": "Nuts", "amount": "1.50"}, {"name": "Bolts", "amount": "2.50"}], Total="4"
    )
    assert [place.page for place in file.fields["Items"].places] == [0, 0, 1, 1]
    assert not any(field.problems for field in file.fields.values())


def test_what_the_model_refuses_is_typed_all_the_same(scan):
    read = reader(pages="2")
    list(read.read(scan))
    (file,) = read.report.files
    assert file.typed is None
    assert file.values == {"Items": [{"name": "Bolts", "amount": Decimal("2.50")}], "Total": Decimal("4.00")}


def test_without_a_model_values_are_as_printed():
    assert of_file([PageFields({"Total": Field("4,00")})], {"Total": ""}).values == {"Total": "4,00"}


def test_single_mode_is_the_file(scan):
    (record,) = records(reader(mode="single", metadata="rich"), scan)
    assert record.metadata["needs_review"] is False
    assert record.metadata["typed"].total == 4
    assert record.metadata["field.Total"] == "4.00"
    assert record.metadata["fields"]["Items"]["places"][2]["page"] == 1


def test_flat_metadata_has_places_and_no_objects(scan):
    first, second = records(reader(), scan)
    assert all(isinstance(value, str | int | float | bool) for value in first.metadata.values())
    assert (first.metadata["needs_review"], second.metadata["needs_review"]) == (True, True)
    fields = json.loads(second.metadata["fields"])
    assert fields["Total"]["box"] == [5000, 2000, 6999, 2500]
    assert "places" not in fields["Total"]
    assert fields["Items"]["places"][0] == [[0, "name"], 1, [1000, 1000, 3000, 1500]]


def test_a_schema_asks_the_same_without_a_model(scan):
    read = reader({"Seller": "", "Items": [{"name": "", "amount": ""}], "Total": ""})
    _, second = read.pages(scan)
    assert second.result.needs_review is False
    assert second.result.fields["Total"].places
    assert read.report.files == []


def test_a_model_leaves_options_as_picklable_as_they_were():
    options = Options(fields=Bill)
    assert pickle.loads(pickle.dumps(options)) == options
    assert options.tasks[-1].schema["Items"] == [{"name": "", "amount": "a number, as printed"}]


def test_review_says_what_and_where():
    odd = page([["ACME"]], Items=[{"name": "ACME"}, {"name": "Nobody"}])
    odd = replace(odd, agreement=Agreement("fake", 0.2, doubtful=True))
    (read,) = Reader(engine=FakeEngine({0: odd}), fields="all").read(Image.new("L", (9, 9)))
    items = list(review(read))
    assert items[0] == Item(1, "", "", "fake read otherwise: agreement 0.20", ())
    assert items[1].problem == "[1].name: not found on the page: possibly invented"
    assert items[1].box == (1000, 1000, 3000, 1500)


@pytest.fixture
def blank(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (50, 50), 255).save("blank.png")
    (tmp_path / "bills_model.py").write_text("from pydantic import BaseModel\nclass Bill(BaseModel):\n    total: int\n")
    return "blank.png"


def test_the_command_lists_what_to_look_at(blank, capsys):
    assert main(["read", blank, "-e", "fake", "--fields", "bills_model:Bill", "--review"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "file\tpage\tfield\tvalue\tproblem\tbox",
        "blank.png\t1\ttotal\t\tnot on the page, and the model needs it\t",
    ]
    assert "to be looked at: 1 of 1 files" in said.err


def test_the_pages_of_a_file_are_reviewed_as_a_whole(scan, capsys):
    read = reader()
    out = io.StringIO()
    write_review(read.pages([scan, str(scan)]), Bill, "jsonl", out)
    assert out.getvalue() == ""
    assert capsys.readouterr().err == "to be looked at: 0 of 2 files\n"


def test_as_json_it_is_json_and_nothing_else(blank, capsys):
    assert main(["read", blank, "-e", "fake", "--fields", "bills_model:Bill", "--review", "-f", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["field"] == "total"


@pytest.mark.parametrize(
    ("name", "said"), [("bills_model:Nobody", "no such class"), ("json:loads", "no pydantic model")]
)
def test_a_model_that_is_none_is_a_slip(blank, name, said, capsys):
    with pytest.raises(SystemExit):
        main(["read", blank, "-e", "fake", "--fields", name])
    assert said in capsys.readouterr().err
