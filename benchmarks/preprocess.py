"""What each step of ``preprocess=`` does for the reading of degraded pages: prints a Markdown table.

    pip install -e '.[local]' rapidfuzz
    python benchmarks/preprocess.py
    python benchmarks/preprocess.py --data FOLDER    # orient, on real documents in four turns

Pages of print are drawn, degraded, and read by the engine as they are and with the step that is advised for that. A
page's score is the share of its characters that are read, spaces aside. The last column is the step's time alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from qwen_ocr_loader import Reader
from qwen_ocr_loader.images import PageImage
from qwen_ocr_loader.pages import open_pages
from qwen_ocr_loader.preprocess.preparation import prepared
from qwen_ocr_loader.preprocess.steps import STEPS
from qwen_ocr_loader.source import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Picture = Image.Image
Pixels = np.ndarray

TEXT = (
    "The harbour office of Northport reports for the second quarter that 1,284 vessels called at the quay, of which 96 "
    "carried timber and 413 general cargo. Dues of 28,750.40 were paid in full by 30 June; a balance of 1,902.15 is "
    "outstanding. Soundings show a least depth of 8.4 metres along the whole quay, and the north light was renewed in "
    "March. The master has asked for a second crane, since the old one lifts no more than 12 tonnes and stood still on "
    "19 days. Visitors are reminded that the mole is closed after dusk, and that nets must not be dried on the rails."
)


def drawn(size: int, tint: tuple[int, int, int]) -> tuple[Picture, str]:
    """A page of print, and what is printed on it."""
    page = Image.new("RGB", (50 * size, 44 * size), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    words = 2 * TEXT.split()
    lines = [" ".join(words[i : i + 9]) for i in range(0, 9 * 17, 9)]
    for number, line in enumerate(lines):
        pen.text((3 * size, (3 + 2.3 * number) * size), line, tint, font)
    return page, "".join(lines)


def turned(degrees: float) -> Callable[[Picture], Picture]:
    return lambda page: page.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def speckled(share: float) -> Callable[[Picture], Picture]:
    """Salt and pepper on a share of the pixels."""

    def degrade(page: Picture) -> Picture:
        chance, pixels = np.random.default_rng(7), np.array(page)
        hit = chance.random(pixels.shape[:2]) < share
        pixels[hit] = chance.choice([0, 255], hit.sum())[:, None]
        return Image.fromarray(pixels)

    return degrade


def faint(contrast: float, *, shade: float = 0.0) -> Callable[[Picture], Picture]:
    """Gray on gray, with a camera's noise; ``shade``: darker by so much towards the lower right."""

    def degrade(page: Picture) -> Picture:
        pixels = 170 + (np.asarray(page, float) - 255) * contrast
        down, across = (np.linspace(0, 1, side) for side in pixels.shape[:2])
        pixels *= 1 - shade * (down[:, None] + across[None, :])[:, :, None] / 2
        pixels += np.random.default_rng(7).normal(0, 4, pixels.shape)
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    return degrade


def as_it_is(page: Picture) -> Picture:
    return page


CASES: Sequence[tuple[str, Callable[[Picture], Picture], Sequence[str]]] = [
    ("clean", as_it_is, STEPS),
    ("turned by 90", turned(90), ["orient"]),
    ("turned by 180", turned(180), ["orient"]),
    ("turned by 270", turned(270), ["orient"]),
    ("skewed by 1", turned(1), ["deskew"]),
    ("skewed by 3", turned(3), ["deskew"]),
    ("skewed by 6", turned(6), ["deskew"]),
    ("skewed by 10", turned(-10), ["deskew"]),
    ("specks, 2 %", speckled(0.02), ["denoise"]),
    ("specks, 6 %", speckled(0.06), ["denoise"]),
    ("specks, 12 %", speckled(0.12), ["denoise"]),
    ("contrast 0.15", faint(0.15), ["equalize"]),
    ("contrast 0.06", faint(0.06), ["equalize"]),
    ("uneven light", faint(0.15, shade=0.8), ["equalize"]),
    ("turned by 176, 6 % specks", lambda page: speckled(0.06)(turned(176)(page)), [",".join(STEPS[:3])]),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--data", type=Path, help="folder of manifest.json: turn its documents instead")
    args = parser.parse_args()
    return turns(args.data) if args.data else degradations(args.engine)


def degradations(engine: str) -> int:
    """The table of drawn pages."""
    pages = [drawn(22, (20, 20, 20)), drawn(30, (30, 30, 120))]
    prepared(PageImage.from_pixels(pages[0][0]), STEPS)  # loads the models
    print("| page | step | as it is | with the step | seconds |\n|---|---|---:|---:|---:|")
    for name, degrade, steps in CASES:
        damaged = [(degrade(page), text) for page, text in pages]
        before = fmean(accuracy(engine, page, text, []) for page, text in damaged)
        for step in steps:
            after = fmean(accuracy(engine, page, text, step.split(",")) for page, text in damaged)
            spent = fmean(seconds(page, step.split(",")) for page, _ in damaged)
            print(f"| {name} | {step} | {before:.3f} | {after:.3f} | {spent:.2f} |", flush=True)
    return 0


def accuracy(engine: str, page: Picture, text: str, steps: Sequence[str]) -> float:
    """Share of the characters that are read."""
    (result,) = Reader(engine=engine, preprocess=steps).read(page)
    return Levenshtein.normalized_similarity("".join(result.text.split()), "".join(text.split()))


def seconds(page: Picture, steps: Sequence[str]) -> float:
    """Of processor time, for the steps alone."""
    started = time.process_time()
    prepared(PageImage.from_pixels(page), steps)
    return time.process_time() - started


def turns(data: Path) -> int:
    """First pages of real documents, in four turns: put upright, left as they are, or ruined."""
    counts = {"upright and left so": 0, "turned, put upright": 0, "turned, left so": 0, "ruined": 0}
    for name, pixels in first_pages(data):
        for turn in range(4):
            picture = PageImage.from_pixels(Image.fromarray(np.ascontiguousarray(np.rot90(pixels, turn))))
            degrees = prepared(picture, ["orient"]).degrees
            kind = outcome(turn, degrees)
            counts[kind] += 1
            if kind in ("ruined", "turned, left so"):
                print(f"{kind}: {name}, turned by {-90 * turn % 360}, then by {degrees:.0f}", file=sys.stderr)
    print("| | pages |\n|---|---:|")
    print("\n".join(f"| {kind} | {count} |" for kind, count in counts.items()))
    return 1 if counts["ruined"] else 0


def outcome(turn: int, degrees: float) -> str:
    if degrees == 90 * turn:
        return "turned, put upright" if turn else "upright and left so"
    return "turned, left so" if not degrees else "ruined"


def first_pages(data: Path) -> Iterator[tuple[str, Pixels]]:
    for case in json.loads((data / "manifest.json").read_text("utf-8"))["cases"]:
        if case["category"] == "rotated_lowq":
            continue  # some are not upright to begin with
        (found,) = find(data / case["file"])
        with open_pages(found.open(), text_layer="never", dpi=150) as pages:
            yield case["id"], np.asarray(pages.page(0).image().pixels())


if __name__ == "__main__":
    sys.exit(main())
