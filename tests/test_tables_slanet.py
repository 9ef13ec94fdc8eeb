"""A structure model's tags become cells on a grid."""

from qwen_ocr_loader.geometry import Box
from qwen_ocr_loader.tables import slanet
from qwen_ocr_loader.tables.slanet import _placed
from qwen_ocr_loader.tables.slots import fill


def test_spans_push_later_cells_to_the_right():
    tags = ["<thead>", "<tr>", "<td", ' rowspan="2"', ">", "</td>", "<td", ' colspan="2"', ">", "</td>", "</tr>"]
    tags += ["<tr>", "<td></td>", "<td></td>", "</tr>", "</thead>", "<tbody>", "<tr>", "<td></td>", "</tr>", "</tbody>"]
    boxes = [Box(float(n), 0.0, n + 1.0, 1.0) for n in range(5)]
    slots = _placed(tags, boxes)
    assert [slot[:4] for slot in slots] == [(0, 0, 2, 1), (0, 1, 1, 2), (1, 1, 1, 1), (1, 2, 1, 1), (2, 0, 1, 1)]
    assert [slot.box for slot in slots] == boxes


def test_without_the_package_there_is_no_model(monkeypatch):
    monkeypatch.setattr(slanet, "find_spec", lambda _: None)
    assert slanet.model_path() is None


def test_no_slots_leave_every_piece_astray():
    assert fill([], [], 10.0).rows() == []
