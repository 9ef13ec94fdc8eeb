"""Pages whose every line has a box of its own, so that a region says which line it is."""

from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter

from qwen_ocr_loader import Line, PageResult, Quad
from qwen_ocr_loader.render import line_table, rich

WIDTH, HEIGHT = 600.0, 800.0
LINES = [
    f"{n}. {word} is due on day {n * 7 % 31} of the month"
    for n, word in enumerate(["Rent", "Water", "Heat", "Tax"] * 8)
]
SPLITTER = RecursiveCharacterTextSplitter(chunk_size=200, chunk_overlap=30)


def result_of(lines, gaps="\n", page=0):
    """A page of lines, below each other; ``gaps``: what stands after each."""
    gaps = [gaps] * len(lines) if isinstance(gaps, str) else gaps
    text, made = "", []
    for number, (said, gap) in enumerate(zip(lines, gaps, strict=True)):
        quad = Quad.from_box(0.1, top_of(number, len(lines)), 0.9, top_of(number + 0.8, len(lines)))
        made.append(Line(said, len(text), len(text) + len(said), quad))
        text += said + gap
    return PageResult(page, WIDTH, HEIGHT, "pt", text, lines=tuple(made))


def top_of(number, lines):
    return number / lines


def metadata_of(result, **more):
    return {
        "source": "a.pdf",
        "page": result.page,
        "page_number": result.page + 1,
        "page_width": result.width,
        "page_height": result.height,
        "page_unit": "pt",
        "ocr_key": "",
        "ocr_lines": line_table(result.lines),
        **more,
    }


def document(lines, gaps="\n", page=0, **more):
    result = result_of(lines, gaps, page)
    return Document(page_content=result.text, metadata=metadata_of(result, **more))


def rich_document(lines):
    result = result_of(lines)
    return Document(page_content=result.text, metadata={**metadata_of(result), **rich([result])})


def numbers(location, lines):
    """Which lines the regions are (parts) of; every line where a region is the whole page."""
    found = set()
    for region in location.regions:
        box = region.quad.bounds
        found |= set(range(lines)) if box.height == 1.0 else {int((box.top + box.bottom) / 2 * lines)}
    return found
