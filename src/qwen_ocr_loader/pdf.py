"""A PDF opened in PDFium: one lock for the process, errors told apart, nothing kept of a page.

PDFium may not be called from two threads at once, not even for two documents (pypdfium2's README, "Thread
incompatibility"), and ctypes lets go of the GIL, so every call here and in the modules built on this one happens inside
``LOCK``. It is held for one page's work and never while a user's code runs.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import threading
import weakref
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from .errors import DamagedSource, EmptySource, EncryptedPDF, OCRError, UnsupportedSource
from .geometry import PageFrame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from .source import Source

LOCK = threading.RLock()
"""Re-entrant: the garbage collector may close a forgotten document inside a call of the same thread."""

if hasattr(os, "register_at_fork"):  # a fork never finds PDFium in the middle of a call, nor the lock held by nobody
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)

INFO_KEYS = {
    "title": "Title",
    "author": "Author",
    "producer": "Producer",
    "creator": "Creator",
    "creationdate": "CreationDate",
    "moddate": "ModDate",
}

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNSEEN = 1 << 1 | 1 << 5  # an annotation is hidden, or for print only: PDF 32000-1:2008, table 165
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?|(Z))?")


class PDFDocument:
    """An open PDF; ``close`` it, or use it as a context manager.

    Attributes:
        name: What errors call it.
        count: Number of pages, at least 1.

    Raises:
        EmptySource: The file has no bytes or no pages.
        EncryptedPDF: A password is missing, or the one given is wrong.
        DamagedSource: Cut off, broken, or not a PDF.
        UnsupportedSource: Encrypted in a way PDFium does not know.
    """

    def __init__(self, source: Source, password: str | None = None) -> None:
        self.name = source.name
        self.found_at = 0  # in the file: where the last picture was found
        with LOCK:
            self._handle, keep = _open(source, password)
            self.count: int = pdfium().FPDF_GetPageCount(self._handle)
            self._form = _Form(self._handle)
            self._finalizer = weakref.finalize(self, _close, self._handle, keep, self._form)
            if self.count < 1:
                self.close()
                raise EmptySource(
                    "the PDF has no pages; write it again with the program it came from", source=self.name
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """True after ``close``."""
        return not self._finalizer.alive

    def close(self) -> None:
        """Let go of the file. Closing twice does nothing."""
        with LOCK:
            self._finalizer()

    def info(self) -> dict[str, str]:
        """Title, author, producer, creator, creationdate, moddate; dates as ISO 8601, ``""`` where absent."""
        with LOCK:
            self._check_open()
            info = {
                key: storable(_wide(pdfium().FPDF_GetMetaText, self._handle, tag.encode()))
                for key, tag in INFO_KEYS.items()
            }
        return {**info, **{key: iso_date(info[key]) for key in ("creationdate", "moddate")}}

    def label(self, number: int) -> str:
        """The label printed in a viewer's page box ("iv", "A-3"); ``str(number + 1)`` where the PDF has none."""
        with LOCK:
            self._check_open()
            return storable(_wide(pdfium().FPDF_GetPageLabel, self._handle, number)) or str(number + 1)

    @contextmanager
    def page(self, number: int) -> Iterator[Any]:
        """PDFium's handle of page ``number`` (0-based), with the lock held: do the page's work at once and leave.

        Raises:
            DamagedSource: The page cannot be loaded; others may.
        """
        with LOCK:
            self._check_open()
            raw = pdfium()
            handle = raw.FPDF_LoadPage(self._handle, number)
            if not handle:
                raise DamagedSource(_BROKEN_PAGE, source=self.name, page=number)
            try:
                yield handle
            finally:
                raw.FPDF_ClosePage(handle)

    def draw_form(self, page: Any, bitmap: Any, width: int, height: int) -> None:
        """Draw the values of form fields over a rendered page. Call inside ``page``."""
        self._form.draw(page, bitmap, width, height)

    @contextmanager
    def copy_of_page(self, number: int) -> Iterator[Any]:
        """PDFium's handle of a new document, with a copy of that page to be changed at will, or without any page.

        Call inside ``page``.
        """
        raw = pdfium()
        copy = raw.FPDF_CreateNewDocument()
        try:
            raw.FPDF_ImportPagesByIndex(copy, self._handle, ctypes.byref(ctypes.c_int(number)), 1, 0)
            yield copy
        finally:
            raw.FPDF_CloseDocument(copy)

    @property
    def form(self) -> Any:
        """PDFium's form environment; None where the PDF has no AcroForm or XFA."""
        return self._form.handle

    def _check_open(self) -> None:
        if self.closed:
            raise OCRError(
                "its pages are closed; take the image before closing them, or open it again", source=self.name
            )


_BROKEN_PAGE = (
    "the page is damaged and cannot be loaded; leave it out with pages=..., or try a repaired copy (qpdf, mutool)"
)


def pdfium() -> Any:
    """PDFium's C functions; loads the library on the first call (about 80 ms)."""
    import pypdfium2.raw

    return pypdfium2.raw


@cache
def short(name: str, result: Any = ctypes.c_int) -> Any:
    """One of PDFium's functions that take less than a microsecond, for loops over characters, boxes and objects.

    Bound anew, without argument types and without letting go of the GIL, it takes a third of the time pypdfium2's own
    binding does. Give it handles and ``ctypes`` objects as they are, ``ctypes.byref`` or a ``c_void_p`` for pointers,
    and ints for nothing but a C ``int``.
    """
    address = ctypes.cast(getattr(pdfium(), name), ctypes.c_void_p).value
    assert address
    return ctypes.PYFUNCTYPE(result)(address)


def is_seen(annotation: Any) -> bool:
    """Whether an annotation is shown on a screen."""
    return not pdfium().FPDFAnnot_GetFlags(annotation) & _UNSEEN


def frame_of(page: Any) -> PageFrame:
    """The visible box (CropBox cut by MediaBox, points of user space) and the turn of a loaded page."""
    raw = pdfium()
    box = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page, ctypes.byref(box))
    return PageFrame(box.left, box.bottom, box.right, box.top, raw.FPDFPage_GetRotation(page) * 90)


@contextmanager
def whole_file(source: Source) -> Iterator[bytes | mmap.mmap]:
    """The source's bytes to search in; mapped, not read, where it is a file."""
    if source.path is None:
        yield source.data
        return
    with source.open_binary() as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def storable(text: str) -> str:
    """Without NULs and lone surrogates, which databases and JSON refuse."""
    return text if text.isprintable() else _UNSTORABLE.sub("", text)


def iso_date(text: str) -> str:
    """A PDF date (``D:20240131120000+01'00'``) as ISO 8601; ``""`` where it is not one."""
    found = _DATE.match(text.strip())
    if not found:
        return ""
    year, month, day, hour, minute, second, sign, ahead, ahead_minutes, zulu = found.groups()
    date = "-".join(part for part in (year, month, month and day) if part)
    if not (month and day and hour):
        return date
    zone = "+00:00" if zulu else f"{sign}{ahead}:{ahead_minutes or '00'}" if sign else ""
    return f"{date}T{hour}:{minute or '00'}:{second or '00'}{zone}"


class _Form:
    """PDFium's form environment, which draws field values; an empty one for a document without a form.

    No JavaScript runs: pypdfium2's PDFium is built without V8, and no document action is ever triggered here.
    """

    def __init__(self, document: Any) -> None:
        raw = pdfium()
        self.handle: Any = None
        if raw.FPDF_GetFormType(document) == raw.FORMTYPE_NONE:
            return
        self._config = raw.FPDF_FORMFILLINFO(version=2)  # PDFium keeps the pointer: it must live as long as the handle
        self.handle = raw.FPDFDOC_InitFormFillEnvironment(document, ctypes.byref(self._config))

    def draw(self, page: Any, bitmap: Any, width: int, height: int) -> None:
        if self.handle:
            raw = pdfium()
            raw.FORM_OnAfterLoadPage(page, self.handle)
            raw.FPDF_FFLDraw(self.handle, bitmap, page, 0, 0, width, height, 0, raw.FPDF_ANNOT | raw.FPDF_GRAYSCALE)
            raw.FORM_OnBeforeClosePage(page, self.handle)

    def close(self) -> None:
        if self.handle:
            pdfium().FPDFDOC_ExitFormFillEnvironment(self.handle)
            self.handle = None


def _close(handle: Any, keep: bytes | None, form: _Form) -> None:
    """Close in PDFium's order: form, then document. ``keep`` is the memory the document was read from."""
    with LOCK:
        form.close()
        pdfium().FPDF_CloseDocument(handle)
        del keep


def _open(source: Source, password: str | None) -> tuple[Any, bytes | None]:
    """A document handle, and the bytes it reads from where the source is not a file."""
    if source.path is None and not source.data:
        raise EmptySource("the file is empty (0 bytes); fetch it again", source=source.name)
    handle, keep = _load(source, password)
    if not handle and password and _last_error() == pdfium().FPDF_ERR_PASSWORD:
        handle, keep = _load(source, None)  # a password for the folder's other files does no harm to this one
    if not handle:
        raise _open_error(source, password)
    return handle, keep


def _load(source: Source, password: str | None) -> tuple[Any, bytes | None]:
    raw, secret = pdfium(), password.encode() if password else None
    raw.FPDF_LoadMemDocument64(b"x", 1, None)  # PDFium's last error outlives its cause: put a known one there
    if source.path is not None:
        return raw.FPDF_LoadDocument(os.fsencode(source.path) + b"\0", secret), None
    data = source.data
    return raw.FPDF_LoadMemDocument64(data, len(data), secret), data


def _last_error() -> int:
    return int(pdfium().FPDF_GetLastError())


def _open_error(source: Source, password: str | None) -> OCRError:
    raw, code = pdfium(), _last_error()
    if code == raw.FPDF_ERR_PASSWORD and password:
        return EncryptedPDF("the password is wrong; give the right one as password=...", wrong=True, source=source.name)
    if code == raw.FPDF_ERR_PASSWORD:
        return EncryptedPDF("the PDF is encrypted; give its password as password=...", source=source.name)
    if code == raw.FPDF_ERR_SECURITY:
        return UnsupportedSource("encrypted in a way PDFium does not know; save a copy without it", source=source.name)
    if source.path is not None and source.path.exists() and source.path.stat().st_size == 0:
        return EmptySource("the file is empty (0 bytes); fetch it again", source=source.name)
    return DamagedSource(
        "cut off, broken or not a PDF; fetch it again, or try a repaired copy (qpdf)", source=source.name
    )


def _wide(function: Any, *arguments: Any) -> str:
    """What a PDFium getter of UTF-16LE text returns."""
    size = function(*arguments, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(*arguments, buffer, size)
    return buffer.raw[: size - 2].decode("utf-16-le", "ignore")
