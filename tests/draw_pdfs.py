"""PDFs drawn by hand, byte by byte, so that each holds exactly the oddity it is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

HELVETICA = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def text(x: float, y: float, words: str, *, size: float = 12, matrix: str = "1 0 0 1", mode: int = 0) -> str:
    """Content that writes ``words`` with its baseline starting at (x, y); ``matrix`` turns it there."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf {mode} Tr {matrix} {x} {y} Tm ({escaped}) Tj ET\n"


def picture(x: float, y: float, width: float, height: float, name: str = "Im0") -> str:
    """Content that draws the image ``name`` into a rectangle."""
    return f"q {width} 0 0 {height} {x} {y} cm /{name} Do Q\n"


@dataclass
class Sheet:
    """One page: its content, and the entries of its dictionary."""

    content: str = ""
    box: str = "0 0 400 600"
    entries: str = ""
    xobjects: dict[str, int] = field(default_factory=dict)
    font: str = HELVETICA


class Draft:
    """A PDF in the making: objects, then pages, then bytes."""

    def __init__(self) -> None:
        self.objects: list[bytes] = [b"", b""]  # 1: catalog, 2: page tree
        self.sheets: list[int] = []
        self.catalog = ""
        self.trailer = ""

    def add(self, body: str | bytes) -> int:
        """Add an object; returns its number."""
        self.objects.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self.objects)

    def stream(self, entries: str, data: bytes) -> int:
        """Add a stream; returns its number."""
        return self.add(f"<<{entries}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream")

    def jpeg(self, image, *, entries: str = "", quality: int = 90) -> tuple[int, bytes]:
        """Add a PIL image as JPEG; returns its number and its bytes."""
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        space = {"L": "DeviceGray", "RGB": "DeviceRGB", "CMYK": "DeviceCMYK"}[image.mode]
        about = f"/Type/XObject/Subtype/Image/Width {image.width}/Height {image.height}/BitsPerComponent 8"
        number = self.stream(f"{about}/ColorSpace/{space}/Filter/DCTDecode{entries}", buffer.getvalue())
        return number, buffer.getvalue()

    def sheet(self, sheet: Sheet) -> Draft:
        """Add a page."""
        content = self.stream("", sheet.content.encode("latin-1"))
        named = "".join(f"/{name} {number} 0 R" for name, number in sheet.xobjects.items())
        resources = f"<</Font<</F1 {self.add(sheet.font)} 0 R>>/XObject<<{named}>>>>"
        self.sheets.append(
            self.add(
                f"<</Type/Page/Parent 2 0 R/MediaBox[{sheet.box}]/Contents {content} 0 R"
                f"/Resources{resources}{sheet.entries}>>"
            )
        )
        return self

    def bytes(self) -> bytes:
        """The finished file."""
        kids = " ".join(f"{number} 0 R" for number in self.sheets)
        self.objects[0] = f"<</Type/Catalog/Pages 2 0 R{self.catalog}>>".encode()
        self.objects[1] = f"<</Type/Pages/Kids[{kids}]/Count {len(self.sheets)}>>".encode()
        out, offsets = b"%PDF-1.7\n", []
        for number, body in enumerate(self.objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
        table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        size = len(self.objects) + 1
        end = f"trailer<</Size {size}/Root 1 0 R{self.trailer}>>\nstartxref\n{len(out)}\n%%EOF\n".encode()
        return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end


def pdf(*sheets: Sheet) -> bytes:
    """A PDF of these pages."""
    draft = Draft()
    for sheet in sheets:
        draft.sheet(sheet)
    return draft.bytes()


def prose(lines: int = 20) -> str:
    """Content of a page of prose, line by line."""
    words = "The quick brown fox jumps over the lazy dog and goes home"
    return "".join(text(40, 560 - 16 * n, f"{n} {words}", size=11) for n in range(lines))


def encrypted(data: bytes, *, user: str = "", owner: str = "owner") -> bytes:
    """The same PDF, encrypted with AES-256."""
    import pikepdf

    out = BytesIO()
    with pikepdf.open(BytesIO(data)) as document:
        document.save(out, encryption=pikepdf.Encryption(user=user, owner=owner, R=6))
    return out.getvalue()


def packed(data: bytes) -> bytes:
    """The same PDF with its page dictionaries in object streams."""
    import pikepdf

    out = BytesIO()
    with pikepdf.open(BytesIO(data)) as document:
        document.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()
