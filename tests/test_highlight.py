"""Citations shown: marked pictures, and real annotations in a copy of the PDF."""

import subprocess
from io import BytesIO
from shutil import which

import numpy as np
import pikepdf
import pytest
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter
from PIL import Image

from awkward_pages import PAGES, on_pdf
from draw_images import encoded, receipt
from draw_pdfs import Sheet, encrypted, packed, pdf, prose, text
from qwen_ocr_loader import Reader, citations
from qwen_ocr_loader.citations import Location, Region, locate, split_with_boxes
from qwen_ocr_loader.errors import EncryptedPDF, OCRError, SourceError
from qwen_ocr_loader.geometry import Quad
from qwen_ocr_loader.highlight import annotate_pdf, highlight
from qwen_ocr_loader.langchain import QwenOCRLoader
from qwen_ocr_loader.page_pictures import page_image
from qwen_ocr_loader.palette import ABOUT, MARK

TOP, LOW = Quad.from_box(0.1, 0.1, 0.9, 0.2), Quad.from_box(0.1, 0.5, 0.9, 0.6)
PDFS = [page for page in PAGES if page.data.startswith(b"%PDF")]


def at(*regions: tuple[int, Quad], method="rows", exact=True, source="") -> Location:
    return Location(tuple(Region(page, quad, "words") for page, quad in regions), method, exact, source=source)


def tinted(image: Image.Image, color: str, slack: int = 60) -> np.ndarray:
    """Where the picture has about that colour."""
    wanted = np.frombuffer(bytes.fromhex(color[1:]), np.uint8).astype(int)
    return np.abs(np.asarray(image.convert("RGB")).astype(int) - wanted).max(axis=2) < slack


def shares(image: Image.Image, color: str) -> tuple[float, float]:
    """How much of ``TOP`` and of ``LOW`` has that colour."""
    mask = tinted(image, color)
    height = mask.shape[0]
    return float(mask[round(height * 0.12) : round(height * 0.18)].mean()), float(
        mask[round(height * 0.52) : round(height * 0.58)].mean()
    )


@pytest.fixture
def book(tmp_path):
    (tmp_path / "book.pdf").write_bytes(pdf(Sheet(prose()), Sheet(prose())))
    return tmp_path / "book.pdf"


# --- pictures ---


def test_exact_lines_are_yellow_and_the_ink_stays(book):
    before, after = page_image(book), highlight(at((0, TOP)), source=book)
    top, low = shares(after, MARK)
    assert top > 0.5 > 0.01 > low
    dark = np.asarray(before.convert("L")) < 60
    assert (np.asarray(after.convert("L"))[dark] <= 60).all()


def test_lines_that_are_not_sure_are_orange(book):
    image = highlight(at((0, TOP), (0, LOW), exact=False), source=book)
    assert min(shares(image, ABOUT)) > 0.5
    assert shares(image, MARK) == (0, 0)


def test_where_only_the_page_is_known_it_is_framed_not_filled(book):
    page = Quad.from_box(0, 0, 1, 1)
    mask = tinted(highlight(at((0, page), method="page", exact=False), source=book), ABOUT)
    assert mask[:, :3].mean() > 0.9
    assert mask[20:-20, 20:-20].sum() == 0


def test_of_several_pages_the_first_or_the_one_asked_for(book):
    both = at((1, LOW), (0, TOP))
    assert shares(highlight(both, source=book), MARK)[1] > 0.5
    assert shares(highlight(both, source=book, page=0), MARK)[0] > 0.5
    with pytest.raises(SourceError, match="none of it is on page 6"):
        highlight(both, source=book, page=5)


def test_a_chunk_and_a_quote_find_their_file_and_line(tmp_path):
    path = tmp_path / "rent.pdf"
    path.write_bytes(pdf(Sheet(text(40, 500, "The tenant pays the rent") + text(40, 300, "The owner pays the taxes"))))
    [doc] = QwenOCRLoader(str(path), text_layer="only").load()
    mask = tinted(highlight(doc, "owner pays the taxes"), MARK)
    ink = np.asarray(page_image(path).convert("L")) < 100
    rows = np.nonzero(mask.any(axis=1))[0]
    assert 0.45 < rows.mean() / len(mask) < 0.55  # 300 of 600 points
    inked = np.nonzero(ink[rows.min() : rows.max()].any(axis=0))[0]
    columns = np.nonzero(mask.any(axis=0))[0]
    assert inked.min() + 10 < columns.min()  # not "The"
    assert columns.max() >= inked.max() - 2


@pytest.mark.parametrize("page", PDFS, ids=lambda page: page.name)
def test_marks_stand_on_the_ink_of_turned_and_cropped_pages(page, tmp_path):
    """In the picture, and in the copy of the PDF as PDFium and Poppler draw it."""
    if page.font and not page.font.exists():
        pytest.skip(f"needs {page.font.name}")
    path = tmp_path / "page.pdf"
    path.write_bytes(page.data)
    [read] = Reader(engine="fake", text_layer="only").read(path)
    line = read.lines[1]
    location = at((0, line.quad))
    annotated = annotate_pdf(path, location, tmp_path / "marked.pdf")
    pictures = [highlight(location, source=path), page_image(annotated)]
    if which("pdftoppm"):
        subprocess.run(
            ["pdftoppm", "-cropbox", "-png", "-r", "100", annotated, tmp_path / "poppler"], check=True, timeout=30
        )
        [drawn] = tmp_path.glob("poppler*.png")
        with Image.open(drawn) as image:
            pictures.append(image.convert("RGB"))
    for picture in pictures:
        size = pictures[0].size
        marked = tinted(picture.resize(size), MARK)
        others = [page.ink(n) for n in range(len(page.lines)) if page.lines[n] != line.text]
        own = page.ink(page.lines.index(line.text))
        covered = around(marked)
        assert (covered & own).sum() > 0.95 * own.sum()
        assert (covered & (sum(others) > 0)).sum() < 0.03 * own.sum()


def around(mask: np.ndarray) -> np.ndarray:
    """The upright box of what is marked."""
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return box


def loaded(page, folder, **options):
    """A page's Documents, its file in a folder."""
    if page.font and not page.font.exists():
        pytest.skip(f"needs {page.font.name}")
    path = folder / ("page.pdf" if page in PDFS else "page.png")
    path.write_bytes(page.data)
    return QwenOCRLoader(path, **options).load()


def covers(picture, page, number):
    """Whether the ink of that line is marked, and that of no other."""
    ink = [page.ink(n) for n in range(len(page.lines))]
    height, width = ink[0].shape
    covered = around(tinted(picture.resize((width, height)), MARK))
    own = ink.pop(number)
    return (covered & own).sum() > 0.95 * own.sum() and (covered & (sum(ink) > 0)).sum() < 0.03 * own.sum()


@pytest.mark.parametrize("page", PDFS, ids=lambda page: page.name)
def test_a_quote_from_a_chunk_is_marked_on_turned_and_cropped_pages(page, tmp_path):
    docs = loaded(page, tmp_path, text_layer="only")
    chunks = split_with_boxes(RecursiveCharacterTextSplitter(chunk_size=50, chunk_overlap=0), docs)
    [chunk] = [chunk for chunk in chunks if page.lines[1] in chunk.page_content]
    assert covers(highlight(chunk, page.lines[1]), page, 1)


@pytest.mark.parametrize("name", ["rotated by 90", "cropped and rotated by 270", "EXIF-turned to the right", "skewed"])
def test_a_quote_from_a_page_that_was_recognised(name, tmp_path):
    [page] = [page for page in PAGES if page.name == name]
    [doc] = loaded(page, tmp_path, text_layer="never", engine="local")
    assert doc.metadata["text_source"] == "ocr"
    assert covers(highlight(doc, page.lines[1]), page, 1)


def test_a_chunk_over_a_page_break_is_marked_on_each_of_its_pages(tmp_path):
    pages = [on_pdf("a", ""), on_pdf("b", "/Rotate 90"), on_pdf("c", "/CropBox[40 100 380 260]/Rotate 270")]
    path = tmp_path / "three.pdf"
    with pikepdf.new() as book:
        for page in pages:
            with pikepdf.open(BytesIO(page.data)) as one:
                book.pages.extend(one.pages)
        book.save(path)
    docs = QwenOCRLoader(path, text_layer="only", mode="single").load()
    first, last = pages[0].lines[0], pages[0].lines[2]
    cut = docs[0].page_content.index(last)
    _, over = split_with_boxes(lambda text: [text[:cut], text[cut:]], docs)
    location = locate(over)
    assert location.exact
    assert location.pages == (0, 1, 2)
    quote = over.page_content[: over.page_content.rindex(first) + len(first)]
    assert covers(highlight(over, quote), pages[0], 2)
    assert covers(highlight(over, quote, page=2), pages[2], 0)
    middle = tinted(highlight(over, quote, page=1), MARK)
    assert all((middle & around(pages[1].ink(n))).any() for n in range(3))
    made = annotate_pdf(path, over, tmp_path / "marked.pdf")
    assert [note[0] for note in annotations(made)] == [0, 1, 2]


def bare(doc, *kept):
    """A chunk as a pipeline leaves it that throws away the boxes."""
    return Document(page_content=doc.page_content[:40], metadata={key: doc.metadata[key] for key in ("source", *kept)})


def test_a_chunk_without_boxes_is_marked_by_its_parents(tmp_path):
    path = tmp_path / "rent.pdf"
    said = ["The tenant pays the rent", "The owner pays the taxes"]
    path.write_bytes(pdf(*[Sheet(text(40, 500, words)) for words in said]))
    docs = QwenOCRLoader(path, text_layer="only").load()
    chunk = bare(docs[1], "page")
    assert tinted(highlight(chunk), ABOUT).any()  # a frame round the page
    image = highlight(chunk, parents=iter(docs))
    assert tinted(image, MARK).any()
    assert not tinted(image, ABOUT)[:, :3].any()
    made = annotate_pdf(path, [chunk, chunk], tmp_path / "marked.pdf", parents=iter(docs))
    assert [note[:2] for note in annotations(made)] == [(1, "/Highlight")] * 2
    scored = annotate_pdf(path, (chunk, 0.8), tmp_path / "scored.pdf", parents=iter(docs))  # as LangChain's stores say
    assert [note[:2] for note in annotations(scored)] == [(1, "/Highlight")]


def test_a_link_stays_one_and_what_it_leads_to_is_written_anew(book, tmp_path):
    (tmp_path / "marked.pdf").write_bytes(b"of yesterday")
    (tmp_path / "link.pdf").symlink_to("marked.pdf")
    made = annotate_pdf(book, at((0, TOP)), tmp_path / "link.pdf")
    assert (tmp_path / "link.pdf").is_symlink()
    assert (tmp_path / "marked.pdf").read_bytes().startswith(b"%PDF")
    assert [note[:2] for note in annotations(made)] == [(0, "/Highlight")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.pdf", "link.pdf", "marked.pdf"]


def test_it_is_among_the_citations_too():
    assert citations.highlight is highlight
    with pytest.raises(AttributeError, match="no attribute 'lowlight'"):
        _ = citations.lowlight


def test_a_chunk_without_boxes_is_marked_by_the_cache(tmp_path):
    path, cache = tmp_path / "receipt.png", tmp_path / "pages"
    path.write_bytes(encoded(receipt().image, "PNG"))
    [doc] = QwenOCRLoader(path, engine="fake", cache=cache).load()
    chunk = bare(doc, "page", "ocr_key")
    assert tinted(highlight(chunk), ABOUT).any()
    assert tinted(highlight(chunk, cache=cache), MARK).any()


def test_what_is_missing_is_asked_for(book):
    with pytest.raises(SourceError, match="give it as source="):
        highlight(at((0, TOP)))
    with pytest.raises(SourceError, match="page is not known"):
        highlight(at(method="none", exact=False), source=book)
    with pytest.raises(ValueError, match="has its lines already"):
        highlight(at((0, TOP)), "words", source=book)
    with pytest.raises(SourceError, match="2 files"):
        highlight(at((0, TOP)), source=[book, book])


# --- annotations ---


def annotations(path, password="") -> list:
    with pikepdf.open(path, password=password) as document:
        assert document.check_pdf_syntax() == []
        return [
            (number, str(note.Subtype), str(note.Contents), [float(v) for v in note.get("/QuadPoints", [])])
            for number, page in enumerate(document.pages)
            for note in page.get("/Annots", [])
        ]


def test_a_highlight_a_page_with_its_words_and_all_its_lines(book, tmp_path):
    made = annotate_pdf(book, at((0, TOP), (0, LOW), (1, LOW)), tmp_path / "marked.pdf")
    first, second = annotations(made)
    assert first[:3] == (0, "/Highlight", "words words")
    assert second[:3] == (1, "/Highlight", "words")
    assert len(first[3]) == 16
    assert second[3] == pytest.approx([40, 300, 360, 300, 40, 240, 360, 240], abs=0.01)  # upper two, lower two corners


def test_several_citations_at_once_in_their_colours(book, tmp_path):
    page = Quad.from_box(0, 0, 1, 1)
    cited = [at((0, TOP)), at((0, LOW), exact=False), at((1, page), method="page", exact=False)]
    made = annotate_pdf(book, cited, tmp_path / "marked.pdf")
    assert [note[1] for note in annotations(made)] == ["/Highlight", "/Highlight", "/Square"]
    image = page_image(made)
    assert shares(image, MARK)[0] > 0.5
    assert shares(image, ABOUT)[1] > 0.5


def test_text_of_any_script_is_kept_in_the_note(book, tmp_path):
    location = Location((Region(0, TOP, "naïve 中文 😀 \ud800(x)"),), "rows", exact=True)
    assert annotations(annotate_pdf(book, location, tmp_path / "m.pdf"))[0][2] == "naïve 中文 😀 (x)"


PLAIN = pdf(Sheet(prose()), Sheet(prose()))


@pytest.mark.parametrize(
    ("data", "password"), [(PLAIN, ""), (packed(PLAIN), ""), (encrypted(PLAIN, user="open"), "open")]
)
def test_the_copy_is_sound_and_the_original_as_it_was(data, password, tmp_path):
    (tmp_path / "book.pdf").write_bytes(data)
    made = annotate_pdf(tmp_path / "book.pdf", at((1, TOP)), tmp_path / "marked.pdf", password=password)
    assert (tmp_path / "book.pdf").read_bytes() == data
    assert len(annotations(made, password)) == 1
    with pikepdf.open(made, password=password) as copy, pikepdf.open(BytesIO(data), password=password) as original:
        assert copy.is_encrypted == original.is_encrypted
        assert [bytes(page.Contents.read_bytes()) for page in copy.pages] == [
            bytes(page.Contents.read_bytes()) for page in original.pages
        ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.pdf", "marked.pdf"]


def test_annotations_that_were_there_stay(book, tmp_path):
    once = annotate_pdf(book, at((0, TOP)), tmp_path / "once.pdf")
    assert len(annotations(annotate_pdf(once, at((0, LOW)), tmp_path / "twice.pdf"))) == 2


def test_what_cannot_be_annotated(book, tmp_path):
    with pytest.raises(SourceError, match="overwrite"):
        annotate_pdf(book, at((0, TOP)), book)
    with pytest.raises(SourceError, match="no page 3; it has 2"):
        annotate_pdf(book, at((2, TOP)), tmp_path / "m.pdf")
    with pytest.raises(SourceError, match="no annotations; use highlight"):
        annotate_pdf(encoded(receipt().image, "PNG"), at((0, TOP)), tmp_path / "m.pdf")
    with pytest.raises(EncryptedPDF):
        annotate_pdf(encrypted(book.read_bytes(), user="u"), at((0, TOP)), tmp_path / "m.pdf")
    with pytest.raises(OCRError, match="give another path"):
        annotate_pdf(book, at((0, TOP)), tmp_path / "nowhere" / "m.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["book.pdf"]
