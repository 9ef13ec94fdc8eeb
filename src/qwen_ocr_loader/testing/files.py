"""The files a loader is tried with: drawn by the kit, or the caller's own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LONG = 40
"""Pages of the long file: enough that the first and the last are told apart by the clock."""

SENTENCE = "The quick brown fox of page {} jumps over the lazy dog and goes home to the others."
_MAPPING = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Odd def /CMapType 2 def "
    "1 begincodespacerange <00> <ff> endcodespacerange "
    "2 beginbfchar <7e> <0000> <5e> <d800> endbfchar endcmap end end"
)
"""Maps ``~`` to NUL and ``^`` to half of a surrogate pair, as broken fonts in real PDFs do."""


@dataclass(frozen=True, slots=True)
class Files:
    """What a loader is tried with. A rule whose file is None is skipped.

    Attributes:
        good: Gives two Documents or more.
        long: Gives many; ``good`` stands in for it.
        blank: Three pages, the second of which is blank.
        scan: One page, a picture of text.
        odd: Its text has, or seems to have, NUL characters and lone surrogates.
        broken: Cannot be read at all.
    """

    good: Path
    long: Path | None = None
    blank: Path | None = None
    scan: Path | None = None
    odd: Path | None = None
    broken: Path | None = None

    @classmethod
    def drawn(cls, folder: Path) -> Files:
        """PDFs, written into the folder."""
        pages = [_prose(number) for number in range(1, LONG + 1)]
        drawn = {
            "good": pdf(pages[:3]),
            "long": pdf(pages),
            "blank": pdf([pages[0], "", pages[2]]),
            "scan": _scan(),
            "odd": pdf([_write("before ~ between ^ after " + SENTENCE.format(1), 720)], mapping=_MAPPING),
            "broken": b"%PDF-1.7\n" + b"this is where the file was cut off\n" * 20,
        }
        paths = {name: folder / f"{name}.pdf" for name in drawn}
        for name, path in paths.items():
            path.write_bytes(drawn[name])
        return cls(**paths)


def pdf(pages: Sequence[str], *, mapping: str = "", jpeg: bytes = b"", size: str = "612 792") -> bytes:
    """A PDF of these page contents, in Helvetica.

    Args:
        pages: Content streams.
        mapping: The font's ToUnicode table.
        jpeg: What ``/Im0`` draws: a grey picture of 1224 x 400.
        size: Of each page, in points.
    """
    font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 3 0 R>>"
    picture = "/Type/XObject/Subtype/Image/Width 1224/Height 400/ColorSpace/DeviceGray/BitsPerComponent 8"
    numbers = range(6, 6 + 2 * len(pages), 2)
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}/MediaBox[0 0 {size}]>>".encode(),
        _stream("", mapping.encode()),
        (font if mapping else font.replace("/ToUnicode 3 0 R", "")).encode(),
        _stream(f"{picture}/Filter/DCTDecode", jpeg) if jpeg else b"null",
    ]
    for number, content in zip(numbers, pages, strict=True):
        uses = f"/Resources<</Font<</F1 4 0 R>>/XObject<</Im0 5 0 R>>>>/Contents {number + 1} 0 R"
        objects += [f"<</Type/Page/Parent 2 0 R{uses}>>".encode(), _stream("", content.encode("latin-1"))]
    return _written(objects)


def _stream(entries: str, data: bytes) -> bytes:
    return f"<<{entries}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream"


def _written(objects: Sequence[bytes]) -> bytes:
    out, table = b"%PDF-1.7\n", b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    size = len(objects) + 1
    trailer = f"trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n".encode()
    return out + b"xref\n0 %d\n" % size + table + trailer


def _prose(page: int) -> str:
    return "".join(_write(SENTENCE.format(page), 740 - 16 * line) for line in range(15))


def _write(text: str, baseline: float) -> str:
    return f"BT /F1 11 Tf 40 {baseline} Td ({text}) Tj ET\n"


def _scan() -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (1224, 400), 255)
    ImageDraw.Draw(picture).text((60, 120), "INVOICE 2041", fill=0, font=ImageFont.load_default(96))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return pdf(["q 612 0 0 200 0 0 cm /Im0 Do Q"], jpeg=out.getvalue(), size="612 200")
