"""Whatever is split however: where a location says it is exact, it is, line for line."""

import json
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

from citing import document, numbers
from qwen_ocr_loader.citations import attach_boxes, locate

WORDS = [
    "a",
    "b",
    "0.00",
    "-",
    "Net",
    "net",
    "总额",
    "合计",
    "سعر",
    "ك",
    "👩‍🚀",
    "x 1",
    "12",
    "é",
    "e\u0301",
    "Ｎｅｔ",
    "１２",
]
CELLS = "0.00 0.00 0.00 0.00 0.00 0.00 0.00"  # long enough to be taken for a line of its own
line = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
gap = st.sampled_from(["\n", "\n\n", "\t", " ", "  \n", "\n\n\n"])
columns = st.lists(line, min_size=2, max_size=3).flatmap(lambda period: st.integers(2, 6).map(lambda n: period * n))
kinds = st.one_of(
    st.lists(line, min_size=1, max_size=14),
    st.lists(st.sampled_from(["0.00 0.00", "a 1"]), max_size=20, min_size=1),
    columns,
    columns.flatmap(lambda rows: st.integers(0, len(rows)).map(lambda at: [*rows[:at], "Net 12", *rows[at:]])),
    st.lists(st.sampled_from([CELLS, f"12 {CELLS}", f"{CELLS} a", CELLS[:-5]]), min_size=1, max_size=8),
)


@st.composite
def pages(draw):
    lines = draw(kinds)
    return lines, [draw(gap) for _ in lines]


@st.composite
def splits(draw):
    """A page and the spans of its chunks: in order, overlapping or not, nothing left out."""
    lines, gaps = draw(pages())
    text = "".join(line + gap for line, gap in zip(lines, gaps, strict=True))
    spans, end = [], 0
    while end < len(text):
        start = between_letters(text, max(end - draw(st.integers(0, 12)), spans[-1][0] + 1 if spans else 0))
        end = between_letters(text, min(max(end, start) + draw(st.integers(1, 40)), len(text)))
        spans.append((start, end))
    return lines, gaps, spans


def between_letters(text, at):
    """There, or after the accents of the letter before it."""
    while at < len(text) and unicodedata.combining(text[at]):
        at += 1
    return at


def as_is(text):
    return text


def even(text):
    return " ".join(text.split())


def one_space(text):
    return "\n".join(part.strip() for part in text.splitlines() if part.strip())


def narrow(text):
    return unicodedata.normalize("NFKC", text)


def headed(text):
    return f"From the second page: {text}"


spaced = [as_is, str.strip, even, one_space]
edits = st.sampled_from([*spaced, str.lower, narrow, headed])


def truth(doc, lines, gaps, span):
    """The lines with a sign between the ends of a chunk."""
    found, at = set(), 0
    for number, (said, after) in enumerate(zip(lines, gaps, strict=True)):
        if doc.page_content[max(at, span[0]) : max(min(at + len(said), span[1]), 0)].strip() and at < span[1]:
            found.add(number)
        at += len(said) + len(after)
    return found


def check(location, wanted, lines):
    given = numbers(location, lines)
    if location.exact:
        assert given == wanted, location
    elif location.method not in ("page", "none"):
        assert given
    return given


@given(splits(), st.sampled_from(spaced))
@settings(max_examples=300, deadline=None)
def test_chunks_with_their_own_lines(split, edit):
    lines, gaps, spans = split
    doc = document(lines, gaps)
    texts = [edit(doc.page_content[start:end]) for start, end in spans]
    kept = [(text, span) for text, span in zip(texts, spans, strict=True) if text.strip()]
    chunks = [Document(page_content=text, metadata=dict(doc.metadata)) for text, _ in kept]
    for chunk, (text, span) in zip(attach_boxes(chunks, [doc]), kept, strict=True):
        rows = json.loads(chunk.metadata["ocr_lines"] or "[]")
        assert all(text[start : start + length] for start, length, *_ in rows)
        location = locate(chunk)
        given = check(location, truth(doc, lines, gaps, span), len(lines))
        assert given >= truth(doc, lines, gaps, span)  # in doubt more, never less


ROWS_TWICE = ["0.00 0.00"] * 5 + ["a 1"] * 4 + (["0.00 0.00"] * 2 + ["a 1"]) * 2 + ["0.00 0.00"]
GAPS_TWICE = ["\n"] * 14 + ["\n\n", "\n"]
SPANS_TWICE = [(0, 1), (1, 2), (2, 5), (5, 45), (45, 85), (85, 125)]


@example((ROWS_TWICE, GAPS_TWICE, SPANS_TWICE), even, "right")  # the same lines twice, white space apart
@given(splits(), edits, st.sampled_from(["right", "none", "first found"]))
@settings(max_examples=300, deadline=None)
def test_chunks_with_the_whole_page_s_lines(split, edit, offset):
    lines, gaps, spans = split
    doc = document(lines, gaps)
    last = -1
    for span in spans:
        text = edit(doc.page_content[slice(*span)])
        if not text.strip():
            continue
        last = doc.page_content.find(text, last + 1)  # as LlamaIndex looks for it
        start = {"right": span[0], "none": None, "first found": last}[offset]
        if offset == "right" and edit is str.strip:
            start += len(doc.page_content[slice(*span)]) - len(doc.page_content[slice(*span)].lstrip())
        metadata = doc.metadata if start is None else {**doc.metadata, "start_index": start}
        chunk = Document(page_content=text, metadata=metadata)
        wanted = truth(doc, lines, gaps, span)
        check(locate(chunk), wanted, len(lines))
        check(locate(chunk, parents=[doc]), wanted, len(lines))


@given(splits(), splits(), edits)
@settings(max_examples=120, deadline=None)
def test_chunks_that_are_split_again(split, again, edit):
    lines, gaps, spans = split
    doc = document(lines, gaps)
    chunks = [Document(page_content=doc.page_content[a:b], metadata=dict(doc.metadata)) for a, b in spans]
    kept = [(chunk, span) for chunk, span in zip(chunks, spans, strict=True) if chunk.page_content.strip()]
    for chunk, (start, end) in zip(attach_boxes([c for c, _ in kept], [doc]), [s for _, s in kept], strict=True):
        middle = between_letters(doc.page_content, (start + end) // 2)
        halves = [(start, middle), (middle, end)]
        parts = [Document(page_content=edit(doc.page_content[a:b]), metadata=dict(chunk.metadata)) for a, b in halves]
        full = [(part, half) for part, half in zip(parts, halves, strict=True) if part.page_content.strip()]
        for part, half in zip(attach_boxes([p for p, _ in full], [chunk]), [h for _, h in full], strict=True):
            check(locate(part), truth(doc, lines, gaps, half), len(lines))


@given(pages(), st.data())
@settings(max_examples=120, deadline=None)
def test_one_chunk_alone_among_rows_that_repeat(page, data):
    lines, gaps = page
    doc = document(lines, gaps)
    start = data.draw(st.integers(0, len(doc.page_content) - 1))
    span = (start, data.draw(st.integers(start + 1, len(doc.page_content))))
    text = doc.page_content[slice(*span)]
    if text.strip():
        (chunk,) = attach_boxes([Document(page_content=text, metadata=dict(doc.metadata))], [doc])
        given = check(locate(chunk), truth(doc, lines, gaps, span), len(lines))
        assert given >= truth(doc, lines, gaps, span)
