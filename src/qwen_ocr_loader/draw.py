"""A page's picture with what was read on it drawn over it: each call draws one kind of thing and gives itself back."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .errors import SourceError
from .geometry import Quad
from .page_pictures import page_image
from .palette import DOUBT, FIELD, TABLE, step
from .report import ReadPage
from .target import draft_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    from .results import PageResult
    from .source import SourceLike

_PAPER = 1400
"""Pixels of the longer side of a blank sheet."""


class Disputed(NamedTuple):
    """Words on which a witness does not agree.

    Attributes:
        what: ``"left out"`` of the text, or ``"invented"``.
        words: These.
        quad: Where they are printed, or the line of the text that they stand in; None where that is not known.
    """

    what: str
    words: str
    quad: Quad | None


def disputed(page: PageResult) -> Iterator[Disputed]:
    """What the page's witness does not bear out."""
    if page.agreement is None:
        return
    for words in page.agreement.left_out:
        yield Disputed("left out", words.text, words.quad)
    for words in page.agreement.invented:
        around = (line.quad for line in page.lines if line.start < words.end and words.start < line.end)
        yield Disputed("invented", words.text, next(around, None))


class Overlay:
    """Boxes, numbers and names drawn over a page.

    >>> for page in Reader().pages("scan.pdf"):
    ...     Overlay(page).lines().fields().tables().order().doubts().save()

    In a notebook it shows itself.

    Args:
        page: What was read. A ``ReadPage`` (from ``reader.pages``) knows its file; for a ``PageResult`` (from
            ``reader.read``) say where its picture is.
        picture: A PIL image of the page as displayed, or the file to take it from; a blank sheet where neither is
            known. It is not changed.
        password: Of an encrypted PDF.

    Raises:
        SourceError: The picture cannot be had.
    """

    def __init__(
        self,
        page: PageResult | ReadPage,
        picture: Image | SourceLike | None = None,
        *,
        password: str | None = None,
    ) -> None:
        from PIL import ImageDraw

        self.page, source = (page.result, page.origin.name) if isinstance(page, ReadPage) else (page, "")
        self.image = _picture(self.page, source if picture is None else picture, password).convert("RGB")
        self._name = PurePath(source).stem or "page"
        self._files = [one for one in (source, picture) if isinstance(one, str | os.PathLike)]
        self._pen = ImageDraw.Draw(self.image, "RGBA")
        self._unit = max(self.image.size) / 700  # a thin line's width: what looks the same at every size

    def lines(self) -> Self:
        """A box round each line, coloured by its confidence (see ``palette.STEPS``); dashed where it is grounded."""
        for line in self.page.lines:
            if line.quad is not None:
                self._outline(line.quad, step(line.confidence).color, dashed=line.grounded)
        return self

    def fields(self) -> Self:
        """A box round each field's value, on several lines one a line, and its name; ``!`` where it has problems."""
        for at, (name, field) in enumerate(self.page.fields.items()):
            places = [place.quad for place in field.places if place.page == self.page.page]
            quads = places or ([] if field.quad is None else [field.quad])
            for quad in quads:
                self._outline(quad, FIELD, wide=1.6)
            if quads:
                said = name if _is_drawable(name) else f"field {at + 1}"
                self._tag(quads[0], f"{said} !" if field.problems else said, FIELD)
        return self

    def doubts(self) -> Self:
        """A box round words that a witness read and the text lacks, and round lines with words it found nowhere."""
        for what, _, quad in disputed(self.page):
            if quad is not None:
                self._outline(quad, DOUBT, wide=2)
                self._tag(quad, what, DOUBT)
        return self

    def tables(self) -> Self:
        """A box round each table."""
        for at, table in enumerate(self.page.tables):
            if table.quad is not None:
                self._outline(table.quad, TABLE, wide=2.5, fill=8)
                self._tag(table.quad, f"table {at + 1}", TABLE)
        return self

    def order(self) -> Self:
        """Each line's number in reading order, from 1, at the end where its text starts."""
        for at, line in enumerate(self.page.lines):
            if line.quad is not None:
                self._badge(line.quad, str(at + 1), step(line.confidence).color)
        return self

    def marks(self, quads: Sequence[Quad], color: str) -> Self:
        """Quads marked as with a felt pen: the paper is tinted, the ink stays as it is."""
        from PIL import Image, ImageChops, ImageDraw

        tint = Image.new("RGB", self.image.size, "white")
        pen = ImageDraw.Draw(tint)
        for quad in quads:
            pen.polygon(quad.to_pixels(*self.image.size), _rgba(color, 255)[:3])
        self.image.paste(ImageChops.multiply(self.image, tint))
        return self

    def frames(self, quads: Sequence[Quad], color: str) -> Self:
        """A thick line round each quad."""
        for quad in quads:
            self._outline(quad, color, wide=4, fill=0)
        return self

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the picture, and tell where.

        Args:
            path: Its suffix says what is written; in the current folder under the file's name and the page's number
                without one, as PNG.

        Raises:
            SourceError: It would overwrite the file that was read.
            OSError: It cannot be written.
        """
        target = Path(path or f"{self._name}-{self.page.page + 1}.png")
        if any(_is_same(target, one) for one in self._files):
            raise SourceError("the picture would overwrite it; give another path", source=str(target))
        with draft_of(target) as draft:
            self.image.save(draft)
        return target

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.image.save(stream, "PNG")
        return stream.getvalue()

    def _outline(self, quad: Quad, color: str, *, wide: float = 1.0, fill: int = 26, dashed: bool = False) -> None:
        corners = quad.to_pixels(*self.image.size)
        self._pen.polygon(corners, _rgba(color, fill), None)
        width = max(1, round(wide * self._unit))
        if dashed:
            self._dashes(quad, _rgba(color, 220), width)
        else:
            self._pen.line([*corners, *corners[:2]], _rgba(color, 220), width, joint="curve")

    def _dashes(self, quad: Quad, color: tuple[int, ...], width: int) -> None:
        """The long sides in pieces, with gaps between them."""
        box = quad.bounds.scaled(*self.image.size)
        count = max(2, round(max(box.width, box.height) / (12 * self._unit)))
        for at in range(count):
            a, b, c, d = quad.part(at / count, (at + 0.6) / count).to_pixels(*self.image.size)
            self._pen.line([a, b], color, width)
            self._pen.line([d, c], color, width)
        for first, last in ((quad.top_left, quad.bottom_left), (quad.top_right, quad.bottom_right)):
            self._pen.line(Quad(first, last, last, first).to_pixels(*self.image.size)[:2], color, width)

    def _badge(self, quad: Quad, text: str, color: str) -> None:
        """A small plate that ends where the text starts."""
        x, y = quad.to_pixels(*self.image.size)[0]
        self._plate(text, color, 7, lambda width, height: (x - width, y - height / 3))

    def _tag(self, quad: Quad, text: str, color: str) -> None:
        """A plate on top of a box."""
        width, height = self.image.size
        box = quad.bounds.scaled(width, height)
        self._plate(text, color, 9, lambda _, plate_height: (box.left, box.top - plate_height))

    def _plate(self, text: str, color: str, points: float, place: Any) -> None:
        font = _font(points * self._unit)
        left, top, right, bottom = font.getbbox(text)
        pad = 1.5 * self._unit
        width, height = right - left + 2 * pad, bottom - top + 2 * pad
        x, y = (max(0.0, value) for value in place(width, height))
        self._pen.rounded_rectangle((x, y, x + width, y + height), 1.5 * self._unit, _rgba(color, 235))
        self._pen.text((x + pad - left, y + pad - top), text, "white", font)


def _picture(page: PageResult, given: Any, password: str | None) -> Image:
    """The picture to draw on."""
    if hasattr(given, "getbands"):
        picture: Image = given
        return picture
    if isinstance(given, str) and not given:
        from PIL import Image

        scale = _PAPER / max(page.width, page.height, 1)
        return Image.new("RGB", (max(1, round(page.width * scale)), max(1, round(page.height * scale))), "white")
    return page_image(given, page.page, password=password)


def _is_same(target: Path, source: str | os.PathLike[str]) -> bool:
    """The source may be no file at all."""
    try:
        return os.path.samefile(target, os.path.expanduser(source))  # noqa: PTH111, PTH121 - as in _Finder._path
    except (OSError, ValueError):
        return False


def _rgba(color: str, alpha: int) -> tuple[int, int, int, int]:
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue, alpha


def _is_drawable(text: str) -> bool:
    """Pillow's own font has the letters: it knows Latin only."""
    return all(letter.isprintable() and ord(letter) < 0x180 for letter in text)


def _font(size: float) -> FreeTypeFont | BitmapFont:
    from PIL import ImageFont

    return ImageFont.load_default(max(8.0, size))
