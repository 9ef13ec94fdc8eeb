"""Where a chunk stands in its document: regions of pages, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..geometry import Quad

Method = Literal["offset", "rows", "alignment", "anchors", "cache", "page", "none"]
Origin = Literal["bottom-left", "top-left"]


@dataclass(frozen=True, slots=True)
class Region:
    """A line of a chunk, or the part of it that is in the chunk or in the quote, where it is printed.

    Attributes:
        page: 0-based.
        quad: As fractions 0-1 of the displayed page, origin top-left; all of the page where only the page is known.
        text: What is written there, as it stands in the chunk; ``""`` where that is not known.
        whole: The quad is all of the line, not a part cut from it in proportion to its letters.
    """

    page: int
    quad: Quad
    text: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Location:
    """Where a chunk, or a quote from it, stands in its document.

    Attributes:
        regions: In the order of the text; of several pages where the chunk runs over a page break. Empty where not even
            the page is known.
        method: How that was found: ``"rows"`` (the chunk carries its own lines), ``"offset"`` (the splitter said where
            the chunk starts), ``"alignment"`` (its text was found in its parent's), ``"anchors"`` (lines in it are
            known by their hashes), ``"cache"`` (its text was found in the cached page), ``"page"`` (only its page is
            known) or ``"none"``.
        exact: The regions are those of the chunk's lines, all of them and no others. False where text repeats and could
            stand in several places (all of these are regions then), where the chunk was edited, or only its page is
            known.
        quoted: Whether the quote was found; None where none was asked for. Where it was not, the regions are the
            chunk's, and ``exact`` is False.
        source: The document, as its metadata names it; ``""`` where that is not known.
        sizes: Width and height of pages as displayed, by page, where known.
        unit: Of ``sizes``: ``"pt"`` for PDFs, ``"px"`` for images.
    """

    regions: tuple[Region, ...]
    method: Method
    exact: bool
    quoted: bool | None = None
    source: str = ""
    sizes: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    unit: str = ""

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages it stands on, 0-based, each once, in the order of the text."""
        return tuple(dict.fromkeys(region.page for region in self.regions))

    def to_rects(self) -> list[dict[str, float]]:
        """Upright boxes ``{page, x, y, w, h}``: fractions 0-1 of the displayed page, origin top-left, page 0-based."""
        return [_rect(region, 1.0, 1.0) for region in self.regions]

    def to_pixels(self, width: float, height: float) -> list[dict[str, float]]:
        """``to_rects`` in pixels of a page drawn at ``width`` x ``height``, origin top-left."""
        return [_rect(region, width, height) for region in self.regions]

    def to_pdf_points(self, origin: Origin = "bottom-left") -> list[dict[str, float]]:
        """``to_rects`` in points of the page as displayed (``/Rotate`` and CropBox applied).

        Args:
            origin: Where y is 0; ``x, y`` is the corner of a box that is nearest to it.

        Raises:
            ValueError: It is not a PDF's page, its size is not known, or the origin is another.
        """
        if origin not in ("bottom-left", "top-left"):
            raise ValueError(f'origin={origin!r}: want "bottom-left" or "top-left"')
        return [self._points(region, origin) for region in self.regions]

    def _points(self, region: Region, origin: Origin) -> dict[str, float]:
        if self.unit != "pt":
            raise ValueError("only pages of PDFs have points; use to_pixels(width, height) or to_rects()")
        if region.page not in self.sizes:
            raise ValueError(
                f"the size of page {region.page + 1} is not in the metadata; use to_pixels(width, height) with its "
                "width and height in points"
            )
        width, height = self.sizes[region.page]
        rect = _rect(region, width, height)
        return rect if origin == "top-left" else {**rect, "y": height - rect["y"] - rect["h"]}


def _rect(region: Region, width: float, height: float) -> dict[str, float]:
    box = region.quad.bounds.scaled(width, height)
    return {"page": region.page, "x": box.left, "y": box.top, "w": box.width, "h": box.height}
