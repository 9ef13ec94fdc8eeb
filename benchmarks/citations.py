"""How surely a chunk is led back to its lines: both frameworks' splitters over real pages and tables of repeated rows.

    pip install -e '.[dev]'
    python benchmarks/citations.py --data FOLDER

The truth needs no alignment. Each page is split a second time with every letter replaced by one that stands nowhere
else on it: where the chunks have the same shape, each of their letters says where it came from. Chunks without a known
truth are counted, and not judged.

Each way is judged line by line: precision is the share of the lines it gave that are in the chunk, recall the share of
the chunk's lines that it gave. *exact* is the share of chunks that it was sure of; precision and recall of these are to
be 1. The peer is what the frameworks' own offsets give. Pages come from the evaluation data (lines and boxes of the
truth files); without it only the tables are judged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from langchain_core.documents import Document
from llama_index.core.schema import Document as LlamaDocument

from qwen_ocr_loader import Line, PageResult, Quad
from qwen_ocr_loader.citations import Location, locate, split_with_boxes
from qwen_ocr_loader.render import excluded, line_table
from qwen_ocr_loader.results import scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qwen_ocr_loader.citations import Region
    from qwen_ocr_loader.geometry import Box

DATA = os.environ.get("QWEN_OCR_DATA", "")
PAGES = 40
UNIQUE = 0x20000  # the first of 42,720 letters that no page here uses: CJK ideographs, extension B
WAYS = ("split_with_boxes", "locate alone", "own offset")


# --- pages ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """A page's lines, and its text made of them as the loaders do."""

    name: str
    result: PageResult

    @property
    def metadata(self) -> dict[str, Any]:
        """As much of the loaders' as is needed."""
        size = {"page_width": self.result.width, "page_height": self.result.height, "page_unit": "px"}
        lines = {"ocr_key": "", "ocr_lines": line_table(self.result.lines)}
        return {"source": self.name, "page": 0, "page_number": 1, "total_pages": 1, **size, **lines}

    @cached_property
    def line_at(self) -> dict[int, int]:
        """The number of the line that each character of the text is in."""
        return {at: n for n, line in enumerate(self.result.lines) for at in range(line.start, line.end)}

    @cached_property
    def boxes(self) -> list[tuple[str, Box]]:
        """Each line's text without white space, and its box."""
        return [("".join(line.text.split()), line.quad.bounds) for line in self.result.lines if line.quad]

    @property
    def marked(self) -> str:
        """The text with every letter replaced by one of its own."""
        return "".join(chr(UNIQUE + at) if c.isalnum() else c for at, c in enumerate(self.result.text))


def page(name: str, lines: Sequence[tuple[str, Quad]], size: tuple[float, float], ends: Sequence[str]) -> Page:
    """A page of lines, each with what stands after it."""
    text, made = "", []
    for (said, quad), end in zip(lines, ends, strict=True):
        made.append(Line(said, len(text), len(text) + len(said), quad))
        text += said + end
    return Page(name, PageResult(0, *size, "px", text, lines=tuple(made)))


def real_pages(data: Path) -> Iterator[Page]:
    manifest = data / "manifest.json"
    if not manifest.exists():
        return
    for case in json.loads(manifest.read_text("utf-8"))["cases"]:
        truth = json.loads((data / case["gt"]).read_text("utf-8"))
        by_page = defaultdict(list)
        for line in truth.get("lines") or ():
            by_page[line["page"]].append(line)
        for number, lines in by_page.items():
            sizes = case["image_size"]
            size = tuple(sizes[number - 1] if isinstance(sizes[0], list) else sizes)
            if len(lines) >= 15 and all(line.get("quad") for line in lines):
                yield _real_page(f"{case['id']}-{number}", lines, size)


def _real_page(name: str, lines: Sequence[dict[str, Any]], size: tuple[float, float]) -> Page:
    said = [(" ".join(scrub(line["text"]).split()), _quad(line["quad"], size)) for line in lines]
    said = [line for line in said if line[0]]
    gaps = [after.bounds.top - before.bounds.bottom for (_, before), (_, after) in pairwise(said)]
    ends = ["\n\n" if gap > 0.8 * quad.bounds.height else "\n" for gap, (_, quad) in zip(gaps, said, strict=False)]
    return page(name, said, size, [*ends, ""])


def _quad(numbers: Sequence[float], size: tuple[float, float]) -> Quad:
    return Quad.from_pixels(list(zip(numbers[::2], numbers[1::2], strict=True)), *size)


def table_pages() -> Iterator[Page]:
    """Tables with rows, and cells, that are the same letter for letter."""
    chance = random.Random(6)
    items = [f"{chance.choice(['Bolt', 'Nut', 'Washer', 'Screw'])} M{chance.randint(2, 12)}" for _ in range(60)]
    yield _table("one row 60 times", [["0.00 0.00"]] * 60, " ")
    yield _table("three rows in turn", [["Bolt 1 0.50"], ["Nut 1 0.20"], ["Total 0.70"]] * 20, " ")
    yield _table(
        "blocks of the same row", [[f"Section {n // 15}"] if n % 15 == 0 else ["- - 0.00"] for n in range(60)], " "
    )
    yield _table("items with the same values", [[item, "1", "0.00", "0.00"] for item in items], "\t")
    yield _table("numbered rows", [[str(n), items[n], "1", "9.99"] for n in range(60)], "\t")


def _table(name: str, rows: Sequence[Sequence[str]], gap: str) -> Page:
    lines, ends = [], []
    for down, row in enumerate(rows):
        top, bottom = (down + 0.1) / len(rows), (down + 0.9) / len(rows)
        for across, cell in enumerate(row):
            left = (across + 0.1) / len(row)
            lines.append((cell, Quad.from_box(left, top, left + 0.8 / len(row), bottom)))
            ends.append(gap if across + 1 < len(row) else "\n")
    return page(name, lines, (1000.0, 1400.0), ends)


# --- splitters: a Document in, chunks out; they count characters or words, so that a marked text is split alike -------


def _words(text: str) -> list[str]:
    return text.split()


def _sentences(text: str) -> list[str]:
    return re.findall(r".+?(?:[.!?](?=\s)|\n|$)\s*", text, re.DOTALL)


def _count(text: str) -> int:
    return len(_words(text))


def _langchain() -> dict[str, Any]:
    import langchain_text_splitters as s

    recursive = s.RecursiveCharacterTextSplitter
    return {
        "RecursiveCharacter 500/50": recursive(chunk_size=500, chunk_overlap=50, add_start_index=True),
        "RecursiveCharacter 200/0": recursive(chunk_size=200, chunk_overlap=0, add_start_index=True),
        "RecursiveCharacter, words 60/10": recursive(
            chunk_size=60, chunk_overlap=10, length_function=_count, add_start_index=True
        ),
        "RecursiveCharacter, separators dropped": recursive(
            chunk_size=300, chunk_overlap=60, keep_separator=False, add_start_index=True
        ),
        "Character, lines": s.CharacterTextSplitter(
            separator="\n", chunk_size=500, chunk_overlap=100, add_start_index=True
        ),
        "Character, spaces": s.CharacterTextSplitter(
            separator=" ", chunk_size=250, chunk_overlap=40, add_start_index=True
        ),
        "MarkdownText": s.MarkdownTextSplitter(chunk_size=400, chunk_overlap=40, add_start_index=True),
        "LatexText": s.LatexTextSplitter(chunk_size=400, chunk_overlap=0, add_start_index=True),
        "MarkdownHeader": s.MarkdownHeaderTextSplitter([("#", "h1")], strip_headers=False),
    }


def _llama_index() -> dict[str, Any]:
    from llama_index.core import node_parser as p

    counting = {"tokenizer": _words, "chunking_tokenizer_fn": _sentences}
    return {
        "LI SentenceSplitter 120/20": p.SentenceSplitter(chunk_size=120, chunk_overlap=20, **counting),
        "LI SentenceSplitter 60/0": p.SentenceSplitter(chunk_size=60, chunk_overlap=0, **counting),
        "LI TokenTextSplitter 80/10": p.TokenTextSplitter(chunk_size=80, chunk_overlap=10, tokenizer=_words),
        "LI SentenceWindow": p.SentenceWindowNodeParser.from_defaults(_sentences, window_size=1),
        "LI MarkdownNodeParser": p.MarkdownNodeParser(),
        "LI Hierarchical": p.HierarchicalNodeParser.from_defaults(
            node_parser_ids=["wide", "narrow"],
            node_parser_map={
                "wide": p.SentenceSplitter(chunk_size=200, chunk_overlap=0, **counting),
                "narrow": p.SentenceSplitter(chunk_size=80, chunk_overlap=5, **counting),
            },
        ),
        "LI Langchain(RecursiveCharacter)": p.LangchainNodeParser(_langchain()["RecursiveCharacter 500/50"]),
    }


def paragraphs(text: str) -> list[str]:
    """A splitter of one's own: paragraphs, their white space made even."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


SPLITTERS: dict[str, Any] = {**_langchain(), "a function: paragraphs": paragraphs, **_llama_index()}


def documents(made: Page, text: str, metadata: dict[str, Any], splitter: str) -> Any:
    if not splitter.startswith("LI "):
        return Document(page_content=text, metadata=metadata)
    hidden = excluded(metadata)
    return LlamaDocument(
        text=text,
        metadata=metadata,
        id_=made.name,
        excluded_embed_metadata_keys=hidden,
        excluded_llm_metadata_keys=hidden,
    )


def split_plain(splitter: Any, doc: Any) -> list[Any]:
    if hasattr(splitter, "split_documents"):
        return splitter.split_documents([doc])
    if hasattr(splitter, "get_nodes_from_documents"):
        return splitter.get_nodes_from_documents([doc])
    parts = splitter.split_text(doc.page_content) if hasattr(splitter, "split_text") else splitter(doc.page_content)
    texts = [part if isinstance(part, str) else part.page_content for part in parts]
    return [Document(page_content=text, metadata=dict(doc.metadata)) for text in texts]


def text_of(chunk: Any) -> str:
    return chunk.page_content if hasattr(chunk, "page_content") else chunk.text


# --- truth and judgement ----------------------------------------------------------------------------------------------


def truths(made: Page, chunks: Sequence[Any], marked: Sequence[Any]) -> list[set[int] | None]:
    """For each chunk the lines it has letters of; None where the marked text was split otherwise."""
    if len(chunks) != len(marked):
        return [None] * len(chunks)
    return [_truth(text_of(a), text_of(b), made) for a, b in zip(chunks, marked, strict=True)]


def _truth(text: str, marked: str, made: Page) -> set[int] | None:
    """Of the letters by their marks; other signs are where the mark before or after them says, if they are there."""
    shapes = (["x" if c.isalnum() else c for c in t] for t in (text, marked))
    if next(shapes) != next(shapes):
        return None
    shifts = [ord(c) - UNIQUE - n if ord(c) >= UNIQUE else None for n, c in enumerate(marked)]
    before = list(accumulate(shifts, lambda last, shift: last if shift is None else shift))
    after = list(accumulate(reversed(shifts), lambda last, shift: last if shift is None else shift))[::-1]
    page_text, line_at = made.result.text, made.line_at
    found = set()
    for n, sign in enumerate(text):
        places = [n + shift for shift in (before[n], after[n]) if shift is not None]
        found |= {line_at[at] for at in places if at in line_at and not sign.isspace() and page_text[at] == sign}
    return found


def lines_of(made: Page, location: Location) -> set[int]:
    """Which lines the regions are (parts) of; -1 for a region of none."""
    return {n for region in set(location.regions) for n in _lines_of(made, region)}


def _lines_of(made: Page, region: Region) -> list[int]:
    """Of the lines with its text, the one that its box lies in most; of several cells in one, all of them."""
    box, solid = region.quad.bounds, "".join(region.text.split())
    if not solid:
        return [-1]
    held = [
        (line.shared(box) - 1e-6 * line.width * line.height, n)
        for n, (said, line) in enumerate(made.boxes)
        if solid in said
    ]
    if held:
        return [max(held)[1]]
    cells = [n for n, (_, line) in enumerate(made.boxes) if line.shared(box) > 0.3 * line.width * line.height]
    return cells or [-1]


def offset_lines(made: Page, chunk: Any) -> set[int]:
    """What a framework's own offset gives: the lines between it and its end; none where there is no offset."""
    start = getattr(chunk, "start_char_idx", None)
    start = chunk.metadata.get("start_index", -1) if start is None else start
    end = start + len(text_of(chunk))
    return {
        n
        for n, line in enumerate(made.result.lines)
        if start >= 0 and any(not c.isspace() for c in line.text[max(start - line.start, 0) : max(end - line.start, 0)])
    }


@dataclass
class Tally:
    """What one way did with one splitter's chunks."""

    chunks: int = 0
    sure: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    sure_lines: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, truth: set[int], given: set[int], *, sure: bool, name: str) -> None:
        """Judge a chunk: the lines it has, those that were given, and whether the way was sure of them."""
        right = len(truth & given)
        counted = Counter(right=right, given=len(given), asked=len(truth))
        self.chunks += 1
        self.lines += counted
        if sure:
            self.sure += 1
            self.sure_lines += counted
            if given != truth:
                self.wrong.append(name)

    def __iadd__(self, other: Tally) -> Self:
        self.chunks, self.sure = self.chunks + other.chunks, self.sure + other.sure
        self.lines, self.sure_lines = self.lines + other.lines, self.sure_lines + other.sure_lines
        self.wrong += other.wrong
        return self


@dataclass
class Result:
    """A splitter's row."""

    tallies: dict[str, Tally] = field(default_factory=lambda: {way: Tally() for way in WAYS})
    unknown: int = 0
    largest: int = 0


def judge(name: str, splitter: Any, pages: Iterable[Page]) -> Result:
    result = Result()
    for made in pages:
        doc = documents(made, made.result.text, made.metadata, name)
        marked = split_plain(splitter, documents(made, made.marked, {**made.metadata, "ocr_lines": ""}, name))
        plain, boxed = split_plain(splitter, doc), split_with_boxes(splitter, [doc])
        for number, truth in enumerate(truths(made, plain, marked)):
            if truth is None:
                result.unknown += 1
            elif truth:
                _judge(result, made, truth, plain[number], boxed[number])
    return result


def _judge(result: Result, made: Page, truth: set[int], plain: Any, boxed: Any) -> None:
    ways = result.tallies
    for way, location in (("split_with_boxes", locate(boxed)), ("locate alone", locate(plain))):
        ways[way].add(truth, lines_of(made, location), sure=location.exact, name=made.name)
    ways["own offset"].add(truth, offset_lines(made, plain), sure=False, name=made.name)
    if len(text_of(boxed)) <= 500:
        result.largest = max(result.largest, len(json.dumps(boxed.metadata, ensure_ascii=False).encode()))


# --- report -----------------------------------------------------------------------------------------------------------


def table(results: dict[str, Result]) -> str:
    head = "| splitter | chunks | exact | P/R exact | P/R all | exact | P/R exact | P/R all | P/R | bytes, most |"
    over = "| | | split_with_boxes | | | locate alone | | | own offset | metadata |"
    rows = [_row(name, result) for name, result in results.items()]
    total = Result()
    for result in results.values():
        total.unknown += result.unknown
        total.largest = max(total.largest, result.largest)
        for way in WAYS:
            total.tallies[way] += result.tallies[way]
    return "\n".join([over, "|" + "---|" * 10, head.replace("splitter", "**splitter**"), *rows, _row("**all**", total)])


def _row(name: str, result: Result) -> str:
    ours, alone, offset = (result.tallies[way] for way in WAYS)
    cells = [f"{name}", f"{ours.chunks}"]
    for tally in (ours, alone):
        cells += [f"{tally.sure / max(tally.chunks, 1):.1%}", _shares(tally.sure_lines), _shares(tally.lines)]
    return "| " + " | ".join([*cells, _shares(offset.lines), f"{result.largest}"]) + " |"


def _shares(lines: Counter[str]) -> str:
    return f"{lines['right'] / max(lines['given'], 1):.3f}/{lines['right'] / max(lines['asked'], 1):.3f}"


def main(say: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of manifest.json (default: QWEN_OCR_DATA)")
    parser.add_argument("--pages", type=int, default=PAGES)
    args = parser.parse_args()
    data = args.data / "dev" if (args.data / "dev" / "manifest.json").exists() else args.data
    real = list(real_pages(data))[: args.pages]
    wrong = 0
    for title, pages in (("real pages", real), ("tables of repeated rows", list(table_pages()))):
        started = time.perf_counter()
        results = {name: judge(name, splitter, pages) for name, splitter in SPLITTERS.items() if pages}
        say(f"\n{len(pages)} {title}, {len(SPLITTERS)} splitters, {time.perf_counter() - started:.0f} s\n")
        say(table(results))
        say(f"\n{sum(r.unknown for r in results.values())} chunks of unknown truth left out")
        for name, result in results.items():
            for way in WAYS[:2]:
                for case in result.tallies[way].wrong:
                    wrong += 1
                    say(f"WRONG though exact: {way}, {name}, {case}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
