"""A PDF page's label, size and own text, read in one visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from .pdf import PDFDocument
    from .source import Source
    from .textlayer import TextLayer

TextLayerUse = Literal["auto", "never", "only"]


class PageText(NamedTuple):
    """What is known of a page without drawing it.

    Attributes:
        label: As a viewer's page box shows it.
        width, height: As displayed, in real points (1/72 inch).
        layer: The page's own text; None where it was not asked for.
    """

    label: str
    width: float
    height: float
    layer: TextLayer | None


class PageTexts:
    """Reads the pages of an open PDF in this process, in any order; from any thread."""

    def __init__(self, document: PDFDocument, source: Source, use: TextLayerUse) -> None:
        from .user_units import UserUnits

        self._document, self._use = document, use
        self.units = UserUnits(source)

    def read(self, number: int) -> PageText:
        """Load the page ``number`` (0-based) once: its box, turn, label and text; then let go of it.

        Raises:
            DamagedSource: It cannot be loaded; others may.
        """
        from .appearances import stamp_boxes
        from .formfields import value_boxes
        from .pdf import frame_of
        from .textlayer import read_text_layer

        with self._document.page(number) as page:
            frame, layer, unit = frame_of(page), None, self.units.of(page)
            if self._use != "never":
                layer = read_text_layer(page, frame, anyway=self._use == "only")
                values = value_boxes(self._document, number, page, frame)
                layer = layer.with_values(values, stamp_boxes(self._document, number, page, frame))
            return PageText(self._document.label(number), frame.width * unit, frame.height * unit, layer)
