"""What a witness finds: replies made from the truth by leaving out, inventing, changing and repeating, laid beside it.

    pip install -e '.[local]'
    python benchmarks/witness.py --data FOLDER

The local engine reads every page once. Replies are then made from the truth's text: as it is, with one passage left
out, invented or said three times, and with one word in 25 changed (a digit of a number; another word for a word).
Flagged words are compared with those that were tampered with; what is flagged in the untouched reply (what the witness
misread, or the truth did not say) counts against precision there too. Boxes: the share of the truth's words that are
given a box on their own line, where the local engine has read that line.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

from qwen_ocr_loader import PageResult, Reader
from qwen_ocr_loader.markup import sniff
from qwen_ocr_loader.witness.comparison import witnessed

DATA = os.environ.get("QWEN_OCR_DATA")
UNREAD = ("ar", "ko")  # languages that the local engine does not read
READ = 0.6  # of a line's letters, from which the local engine counts as having read it
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_OTHERS = "committee shall further deliver 47.20 units before 31 March including freight and duties by account 88213"

Words = list[str]


class Tampered(NamedTuple):
    """A reply, the words that it lacks, and those that it has and the page does not."""

    text: str
    gone: Words
    new: Words


class Case(NamedTuple):
    """A page: its name, its truth, and what the local engine read on it."""

    name: str
    truth: Mapping[str, Any]
    size: tuple[float, float]
    seen: PageResult


# --- tampering -------------------------------------------------------------------------------------------------------


def untouched(text: str, _: random.Random) -> Tampered:
    return Tampered(text, [], [])


def left_out(text: str, rng: random.Random) -> Tampered:
    start, end = _passage(text, rng)
    return Tampered(text[:start] + text[end:], _WORD.findall(text[start:end]), [])


def invented(text: str, rng: random.Random) -> Tampered:
    start, _ = _passage(text, rng)
    words = rng.sample(_OTHERS.split(), 9)
    return Tampered(f"{text[:start]}{' '.join(words)} {text[start:]}", [], _WORD.findall(" ".join(words)))


def repeated(text: str, rng: random.Random) -> Tampered:
    start, end = _passage(text, rng)
    passage = text[start:end]
    return Tampered(f"{text[:end]}\n{passage}\n{passage}{text[end:]}", [], 2 * _WORD.findall(passage))


def changed(text: str, rng: random.Random) -> Tampered:
    words = [word for word in _WORD.finditer(text) if len(word[0]) > 2]  # in Chinese and Japanese: the numbers
    pieces, gone, new, at = [], [], [], 0
    for word in sorted(rng.sample(words, math.ceil(len(words) / 25)), key=lambda word: word.start()):
        other = _another(word[0], rng)
        pieces += [text[at : word.start()], other]
        gone.append(word[0])
        new.append(other)
        at = word.end()
    return Tampered("".join(pieces) + text[at:], gone, new)


WAYS: tuple[Callable[[str, random.Random], Tampered], ...] = (untouched, left_out, invented, repeated, changed)


def _passage(text: str, rng: random.Random) -> tuple[int, int]:
    """From where to where a run of 3 to 12 words stands."""
    words = list(_WORD.finditer(text))
    size = max(3, min(12, len(words) // 10))
    first = rng.randrange(len(words) - size)
    return words[first].start(), words[first + size - 1].end()


def _another(word: str, rng: random.Random) -> str:
    digits = [place for place, letter in enumerate(word) if letter.isdigit()]
    if not digits:
        return rng.choice([other for other in _OTHERS.split() if other.isalpha()])
    place = rng.choice(digits)
    return word[:place] + rng.choice("0123456789".replace(word[place], "")) + word[place + 1 :]


# --- counting --------------------------------------------------------------------------------------------------------


def flags(case: Case, tampered: Tampered) -> Counter[str]:
    """How many words were tampered with, flagged, and both."""
    said = sniff(tampered.text)
    reply = replace(case.seen, text=tampered.text, text_format=said, lines=(), engine="reply")
    agreement = witnessed(reply, case.seen).agreement
    assert agreement is not None
    missing = _counted(line.text for line in agreement.left_out), _counted(tampered.gone)
    extra = _counted(line.text for line in agreement.invented), _counted(tampered.new)
    return Counter(
        tampered=missing[1].total() + extra[1].total(),
        flagged=missing[0].total() + extra[0].total(),
        both=(missing[0] & missing[1]).total() + (extra[0] & extra[1]).total(),
        words=len(_WORD.findall(tampered.text)),
        doubtful=agreement.doubtful,
        pages=1,
    )


def _counted(texts: Iterable[str]) -> Counter[str]:
    return Counter(word.casefold() for text in texts for word in _WORD.findall(text))


def boxes(case: Case) -> Counter[str]:
    """How many words of lines that the local engine has read get a box, and one on their own line."""
    found = witnessed(replace(case.seen, text=case.truth["text"], lines=(), engine="reply"), case.seen)
    count, at = Counter[str](), 0
    for line in case.truth["lines"]:
        start = case.truth["text"].find(line["text"], at)
        if start < 0 or not line.get("quad"):
            continue
        at = start + len(line["text"])
        if not _is_read(line, case):
            continue
        for word in _WORD.finditer(line["text"]):
            count["words"] += 1
            count["right"] += _share(_box_at(found, start + word.start()), line, case.size) > 0.35
    return count


def _is_read(line: Mapping[str, Any], case: Case) -> bool:
    there = (seen.text for seen in case.seen.lines if _share(seen.quad, line, case.size) > 0.4)
    ours, theirs = ("".join(_WORD.findall(text)).casefold() for text in (" ".join(there), line["text"]))
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) >= READ * max(len(theirs), 1)


def _box_at(result: PageResult, place: int) -> Any:
    return next((line.quad for line in result.lines if line.start <= place < line.end), None)


def _share(quad: Any, line: Mapping[str, Any], size: tuple[float, float]) -> float:
    """Of a quad's area, how much lies in the line's box."""
    if quad is None:
        return 0.0
    box, xs, ys = quad.bounds.scaled(*size), line["quad"][::2], line["quad"][1::2]
    width = min(box.right, max(xs)) - max(box.left, min(xs))
    height = min(box.bottom, max(ys)) - max(box.top, min(ys))
    return max(width, 0) * max(height, 0) / max(box.width * box.height, 1e-9)


# --- the run ---------------------------------------------------------------------------------------------------------


def cases(data: Path) -> Iterator[Case]:
    """The one-page documents with a text as truth, in languages that the local engine reads."""
    for entry in json.loads((data / "manifest.json").read_text("utf-8"))["cases"]:
        truth = json.loads((data / entry["gt"]).read_text("utf-8"))
        if entry["pages"] > 1 or truth["language"] in UNREAD or len(_WORD.findall(truth["text"] or "")) < 40:
            continue
        (seen,) = Reader(engine="local", text_layer="never", pages="1").read(data / entry["file"])
        size = entry["image_size"][0] if isinstance(entry["image_size"][0], Sequence) else entry["image_size"]
        print(entry["id"], file=sys.stderr)
        yield Case(entry["id"], truth, tuple(size), seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about = "folder of manifest.json (default: QWEN_OCR_DATA)"
    parser.add_argument("--data", type=Path, default=DATA, required=not DATA, help=about)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    rng, placed = random.Random(args.seed), Counter[str]()
    counts = {way.__name__: Counter[str]() for way in WAYS}
    for case in cases(args.data):
        if not _is_its_text(case):
            print(f"left out, as its truth is not what the page shows: {case.name}\n")
            continue
        for way in WAYS:
            counts[way.__name__] += flags(case, way(case.truth["text"], rng))
        placed += boxes(case)
    print("| reply | pages | words | tampered with | flagged | precision | recall | pages for review |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, count in counts.items():
        precision, recall = (_percent(count["both"], count[of]) for of in ("flagged", "tampered"))
        numbers = (count[of] for of in ("pages", "words", "tampered", "flagged"))
        print(f"| {' | '.join(map(str, (name, *numbers, precision, recall, count['doubtful'])))} |")
    print(f"\n{placed['words']} words of lines that the witness has read: {_percent(placed['right'], placed['words'])} "
          "have a box on their own line.")  # fmt: skip


def _is_its_text(case: Case) -> bool:
    """Whether truth and page agree in half of their words; one PDF's own text is in letters of its own."""
    agreement = witnessed(replace(case.seen, text=case.truth["text"], lines=()), case.seen).agreement
    return agreement is not None and agreement.score > 0.5


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if part and whole else ""


if __name__ == "__main__":
    main()
