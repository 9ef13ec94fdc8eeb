"""Do values of fields find the lines they are printed on? Measured on documents whose lines and fields are known.

python benchmarks/fields.py DATA/dev          (a manifest.json, and gt/ beside it)

The truth's lines are what was recognised, the truth's values what a model gave back, so only the matching is judged.

A value is printed verbatim where one line has it, or lines that follow one another in some order have it in turn: as
it is, but for spaces. The right lines are those. Where they are several sets (a total printed four times), each is
right, unless the value's key is printed as a label: then those next to it alone. A value counts as matched where every
place that it is given lies on one right set, and all of the set is covered.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from qwen_ocr_loader import Field, Line, PageResult, Quad
from qwen_ocr_loader.fields.grounding import ground


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of manifest.json and gt/")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what went wrong")
    asked = parser.parse_args()
    cases = json.loads((asked.data / "manifest.json").read_text())["cases"]
    rows = [row for case in cases for row in judged(case, asked.data, verbose=asked.verbose)]
    for kind in ("verbatim", "otherwise"):
        ours = [row for row in rows if (row["kind"] == "verbatim") == (kind == "verbatim")]
        right = sum(row["right"] for row in ours)
        found = sum(row["found"] for row in ours)
        print(
            f"{kind:<10} {len(ours):4} values   found {found:4}   on the right lines {right:4} ({share(right, ours)})"
        )
    labelled = [row for row in rows if row["labelled"]]
    right = sum(row["right"] for row in labelled)
    print(f"printed several times, and a label tells which: {len(labelled)}, right {share(right, labelled)}")
    print(f"made-up values found: {sum(row['made_up'] for row in rows)} of {len(rows)}")
    print(f"a page takes {statistics.median(row['seconds'] for row in rows) * 1000:.1f} ms (median over values' pages)")


def share(right: int, rows: list[Any]) -> str:
    return f"{right / len(rows):.3f}" if rows else "-"


def judged(case: dict[str, Any], data: Path, *, verbose: bool) -> list[dict[str, Any]]:
    truth = json.loads((data / case["gt"]).read_text())
    lines, fields = [line for line in truth["lines"] if line["text"].strip()], truth["fields"]
    if not lines or not fields:
        return []
    page = as_page(lines, fields, case["image_size"])
    started = time.perf_counter()
    found = ground(page).fields
    seconds = time.perf_counter() - started
    changed = ground(as_page(lines, {name: made_up(value) for name, value in fields.items()}, case["image_size"]))
    rows = []
    for name, value in fields.items():
        sets = right_sets(value, lines)
        beside = [ours for ours in sets if any(is_label(line["text"], name) for line in near(lines, ours[0]))]
        spots = given(found[name], page)
        right = any(set(spots) == set(ours) for ours in beside or sets) if sets else bool(spots)
        if verbose and sets and not right:
            print(case["id"], repr(name), repr(value), found[name].problems, [lines[n]["text"] for n in spots])
        invented = bool(changed.fields[name].places)
        if verbose and invented:
            print(case["id"], repr(name), "made up, but found:", [place.text for place in changed.fields[name].places])
        rows.append(
            {
                "kind": "verbatim" if sets else "otherwise",
                "right": right,
                "found": bool(spots),
                "labelled": bool(beside) and len(sets) > 1,
                "made_up": invented,
                "seconds": seconds,
            }
        )
    return rows


def as_page(lines: list[dict[str, Any]], fields: dict[str, str], size: list[int]) -> PageResult:
    text, made = "", []
    for line in lines:
        said = line["text"]
        corners = zip(line["quad"][::2], line["quad"][1::2], strict=True)
        made.append(Line(said, len(text), len(text) + len(said), Quad.from_pixels(corners, *size)))
        text += said + "\n"
    values = {name: Field(value) for name, value in fields.items()}
    return PageResult(0, *size, "px", text, lines=tuple(made), fields=values)


def given(field: Field, page: PageResult) -> list[int]:
    """Numbers of the lines that a field's places lie on."""
    return [
        number
        for place in field.places
        for number, line in enumerate(page.lines)
        if place.text in line.text and lies_on(place.quad, line.quad)
    ]


def lies_on(part: Quad, whole: Quad | None) -> bool:
    box, around = part.bounds, whole.bounds if whole else part.bounds
    shared = max(0.0, min(box.right, around.right) - max(box.left, around.left))
    return abs(box.top - around.top) + abs(box.bottom - around.bottom) < 1e-6 and shared > 0.9 * box.width


def right_sets(value: str, lines: list[dict[str, Any]]) -> list[tuple[int, ...]]:
    """The lines a value is printed on: one, or several in turn; the first may begin and the last end beside it."""
    wanted = squeezed(value)
    texts = [squeezed(line["text"]) for line in lines]
    single = [(number,) for number, text in enumerate(texts) if stands_in(wanted, text)]
    if single or not wanted:
        return single
    return [ours for first in range(len(texts)) if (ours := in_turn(wanted, texts, first))]


def in_turn(wanted: str, texts: list[str], first: int) -> tuple[int, ...]:
    start = next((n for n in range(len(texts[first]), 1, -1) if texts[first].endswith(wanted[:n])), 0)
    rest, ours = wanted[start:], [first]
    if not start:
        return ()
    for number in range(first + 1, min(first + 9, len(texts))):
        text = texts[number]
        if rest.startswith(text):
            rest, ours = rest[len(text) :], [*ours, number]
        elif rest and text.startswith(rest):
            rest, ours = "", [*ours, number]
        if not rest:
            return tuple(ours)
    return ()


def stands_in(wanted: str, text: str) -> bool:
    """As a whole: not 5 in 15, nor in 5.00."""
    at = text.find(wanted)
    while wanted and at >= 0:
        before, after = text[:at][-1:], text[at + len(wanted) :][:1]
        cut = (wanted[0].isdigit() and (before.isdigit() or before in (".", ","))) or (
            wanted[-1].isdigit()
            and (after.isdigit() or (after in (".", ",") and text[at + len(wanted) + 1 :][:1].isdigit()))
        )
        if not cut and not (len(wanted) < 4 and (before.isalpha() or after.isalpha())):
            return True
        at = text.find(wanted, at + 1)
    return False


def near(lines: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """The line itself and those beside it: a label may be any of them."""
    ours = lines[number]["quad"]
    height = max(ours[7] - ours[1], 1)
    return [line for line in lines if abs(line["quad"][1] - ours[1]) < 0.7 * height and line["quad"][0] <= ours[0]]


def is_label(text: str, name: str) -> bool:
    return squeezed(text).casefold().strip(":.").startswith(squeezed(name).casefold())


def squeezed(text: str) -> str:
    return "".join(text.split())


def made_up(value: str) -> str:
    """Another value of the same form: every digit and letter replaced by the next but two."""
    turned = {**{str(n): str((n + 3) % 10) for n in range(10)}}
    return "".join(
        turned.get(c, chr((ord(c.lower()) - 97 + 7) % 26 + 97) if c.isascii() and c.isalpha() else c) for c in value
    )


if __name__ == "__main__":
    main()
