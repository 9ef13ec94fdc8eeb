"""A reply beside a witness's reading of the same page: boxes for its lines, and what only one of the two has.

The witness (an engine that gives boxes, or a PDF's own text) need not read as well as the engine. Its lines lend the
reply's words their boxes, and what it is sure of and the reply lacks, or what the reply has and it saw nowhere, is
listed for a person to look at.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from ..results import Agreement, Line
from ..writing import part_of_line
from .alignment import Alignment
from .wording import Word, Wording, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..results import PageResult

SURE = 0.9  # confidence from which a witness's line bears witness against a reply
BORNE_OUT = 0.6  # of a word's letters that both readings must have
LONE = 2  # letters: what is shorter, and no number, is as likely dirt or a letter misread
TRUSTED = 0.85  # agreement below which a person should look at the page
RUN = 4  # words in a row, left out or invented, for which a person should look whatever the agreement


def witnessed(result: PageResult, seen: PageResult) -> PageResult:
    """The result with boxes lent by a witness, and its agreement.

    Lines that have a box keep it. Others, and text that is in no line, become a line for each of the witness's that
    they are printed on, with its quad (of a part of it, that part's), its confidence, and ``grounded=True``. What
    stands on none keeps its lines without boxes.

    Args:
        result: An engine's reading.
        seen: The witness's, of the same page; its lines have quads.
    """
    lines = [line for line in seen.lines if line.quad is not None]
    reply = wording(result.text, result.text_format)
    alignment = Alignment(reply, [wording(line.text) for line in lines])
    grounded = list(_grounded(result, alignment, lines))
    return replace(
        result,
        lines=tuple(_joined(result.lines, grounded)),
        agreement=_agreement(alignment, lines, seen.engine),
    )


# --- boxes -----------------------------------------------------------------------------------------------------------


class Stretch(NamedTuple):
    """Words of the reply, one after the other, that stand on one line of the witness.

    Attributes:
        start, end: In the reply's text.
        line: Number of the witness's line.
        first, last: Of that line's letters, as a half-open range.
    """

    start: int
    end: int
    line: int
    first: int
    last: int


def _grounded(result: PageResult, alignment: Alignment, lines: Sequence[Line]) -> Iterator[Line]:
    """A line for each run of words that stand on one of the witness's."""
    size = (result.width, result.height)
    for run in _stretches(alignment):
        line, places = lines[run.line], alignment.lines[run.line].places
        quad = part_of_line(line.quad, line.text, *_edges(run, places, len(line.text)), size) if line.quad else None
        text = result.text[run.start : run.end]
        yield Line(text, run.start, run.end, quad, line.confidence, grounded=True)


def _edges(run: Stretch, places: Sequence[int], length: int) -> tuple[int, int]:
    """From where to where in the witness's line a run's letters stand; to its ends where they are its outermost."""
    first = 0 if run.first == 0 else places[run.first]
    last = length if run.last == len(places) else places[run.last - 1] + 1
    return first, last


def _stretches(alignment: Alignment) -> Iterator[Stretch]:
    reply = alignment.reply
    words = ((word, _line_of(word, alignment)) for word in reply.words)
    for number, group in groupby(words, key=lambda placed: placed[1]):
        if number >= 0:
            for piece in _unbroken([word for word, _ in group], reply.text):
                letters = _letters_of(piece, alignment, number)
                yield Stretch(piece[0].start, piece[-1].end, number, min(letters), max(letters) + 1)


def _unbroken(words: Sequence[Word], text: str) -> Iterator[list[Word]]:
    """Words that no line break and no tag stands between."""
    piece = [words[0]]
    for word in words[1:]:
        between = text[piece[-1].end : word.start]
        if "\n" in between or ">" in between:
            yield piece
            piece = []
        piece.append(word)
    yield piece


def _line_of(word: Word, alignment: Alignment) -> int:
    """The line that most of a word's letters stand on; -1 for none."""
    numbers = [number for number in alignment.line_of[word.first : word.last] if number >= 0]
    if 2 * len(numbers) < word.last - word.first:
        return -1
    return max(set(numbers), key=numbers.count)


def _letters_of(words: Iterable[Word], alignment: Alignment, number: int) -> list[int]:
    span = [at for word in words for at in range(word.first, word.last)]
    return [alignment.letter_of[at] for at in span if alignment.line_of[at] == number]


def _joined(stated: Sequence[Line], grounded: Sequence[Line]) -> list[Line]:
    """The engine's lines that have a box, the witness's where they have none, and what neither has a box for."""
    boxed = [line for line in stated if line.quad is not None]
    lent = _apart_from(boxed, grounded)
    bare = _apart_from(lent, [line for line in stated if line.quad is None])
    return sorted([*boxed, *lent, *bare], key=_span)


def _apart_from(taken: Sequence[Line], lines: Iterable[Line]) -> list[Line]:
    """Those lines whose text is no part of one that is taken; lines of a page do not overlap one another."""
    spans = sorted(map(_span, taken))
    kept = []
    for line in lines:
        before = bisect_left(spans, (line.end, line.end))  # the last that begins before this one ends
        if not before or spans[before - 1][1] <= line.start:
            kept.append(line)
    return kept


def _span(line: Line) -> tuple[int, int]:
    return line.start, line.end


# --- agreement -------------------------------------------------------------------------------------------------------


def _agreement(alignment: Alignment, lines: Sequence[Line], witness: str) -> Agreement:
    reply = alignment.reply
    doubted = list(_runs_of((word for word in reply.words if _is_invented(word, alignment, lines)), reply))
    missed = [
        (number, run)
        for number, line in enumerate(alignment.lines)
        if _confidence(lines[number]) >= SURE
        for run in _runs_of((word for word in line.words if _is_left_out(word, number, alignment)), line)
    ]
    score = _score(len(reply.words), sum(map(len, doubted)), sum(len(run) for _, run in missed))
    return Agreement(
        witness,
        round(score, 4),
        left_out=tuple(_missing(run, number, alignment, lines[number]) for number, run in missed),
        invented=tuple(_said(run, reply) for run in doubted),
        doubtful=score < TRUSTED or any(len(run) >= RUN for run in (*doubted, *(run for _, run in missed))),
    )


def _score(words: int, doubted: int, missed: int) -> float:
    """Share of words that both have: of those of the reply, and of those that it should have."""
    both, all_words = 2 * (words - doubted), words - doubted + words + missed
    return both / all_words if all_words else 1.0


def _confidence(line: Line) -> float:
    return 1.0 if line.confidence is None else line.confidence


def _is_invented(word: Word, alignment: Alignment, lines: Sequence[Line]) -> bool:
    """A word of the reply that the witness did not see: a number that differs at all, another that differs much."""
    owners = alignment.line_of[word.first : word.last]
    share = sum(owner >= 0 for owner in owners) / len(owners)
    if not word.exact or share == 0.0:
        return share < BORNE_OUT
    number = max(owners)
    return share < 1.0 and _confidence(lines[number]) >= SURE


def _is_left_out(word: Word, number: int, alignment: Alignment) -> bool:
    found = alignment.found[number][word.first : word.last]
    share = sum(at >= 0 for at in found) / len(found)
    if word.exact:
        return share < 1.0
    return share < BORNE_OUT


def _runs_of(words: Iterable[Word], whole: Wording) -> Iterator[list[Word]]:
    """Words in runs that no other word stands between; single letters that are no numbers say nothing."""
    numbers = {word.first: number for number, word in enumerate(whole.words)}
    for _, group in groupby(enumerate(words), key=lambda placed: numbers[placed[1].first] - placed[0]):
        run = [word for _, word in group]
        if run[-1].last - run[0].first >= LONE or run[0].exact:
            yield run


def _said(words: Sequence[Word], whole: Wording) -> Line:
    start, end = words[0].start, words[-1].end
    return Line(whole.text[start:end], start, end)


def _missing(words: Sequence[Word], number: int, alignment: Alignment, line: Line) -> Line:
    """A run of a line's words that the reply lacks, where it was to be expected."""
    said, place = _said(words, alignment.lines[number]), _expected(words[0].first, number, alignment)
    quad = part_of_line(line.quad, line.text, said.start, said.end) if line.quad else None
    return Line(said.text, place, place, quad, line.confidence)


def _expected(letter: int, number: int, alignment: Alignment) -> int:
    """The end, in the reply's text, of what stands before that letter of a line."""
    before = [at for at in alignment.found[number][:letter] if at >= 0]
    after = before[-1] + 1 if before else alignment.after(number)
    return alignment.reply.places[after - 1] + 1 if after else 0
