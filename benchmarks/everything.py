"""All benchmarks of speed, in turn: their tables as one page of Markdown, and pictures of the main ones.

    python benchmarks/everything.py --data FOLDER [--pdf FILE] [--write] [--only NAME ...]

``--write`` puts the page into ``docs/benchmarks.md`` and the pictures beside it, or with ``--only`` those sections;
without it the page is printed. Each benchmark also runs by itself and says there what it measures. Allow half an hour
on an idle machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
OURS = ("Reader", "QwenOCR", "ours", "import qwen_ocr_loader", "local engine", "first page")


class Benchmark(NamedTuple):
    """A script and how its result is shown.

    Attributes:
        title: Of its section.
        script: In this folder, with its arguments; ``{data}`` and ``{pdf}`` are the documents given.
        picture: The column that is drawn as bars, by its head; None for no picture.
        note: What to keep in mind when reading the table.
    """

    title: str
    script: tuple[str, ...]
    picture: str | None
    note: str

    @property
    def name(self) -> str:
        """Of its script."""
        return self.script[0]


BENCHMARKS = (
    Benchmark(
        "A PDF's own text",
        ("text_layer", "{pdf}"),
        "process s",
        "A file of 100 pages. Ours gives a box for every line in reading order, the peers give text; *lines and boxes* "
        "is what these alone take, in the file's order and in one process.",
    ),
    Benchmark(
        "The local engine",
        ("local_engine", "--data", "{data}"),
        "images/s",
        "The same images for everybody; accuracy is counted on the same run.",
    ),
    Benchmark(
        "The local engine on dense pages",
        ("local_engine", "--data", "{data}", "--category", "multicol"),
        None,
        "Newspapers and papers of several columns, up to 2560 x 3300 pixels.",
    ),
    Benchmark(
        "Scans to a service",
        ("throughput", "--kind", "scan"),
        None,
        "Against the tests' server, which takes 0.3 s over a page; scans are sent as they came.",
    ),
    Benchmark(
        "Drawn pages to a service",
        ("throughput", "--kind", "drawn"),
        None,
        "The same, with pages that have to be rendered first.",
    ),
    Benchmark("From nothing to the first page", ("startup",), "seconds", "Whole processes, medians."),
    Benchmark("As the work grows", ("growth",), None, "Time for each stays where it is if cost is in proportion."),
)


def run(benchmark: Benchmark, given: dict[str, str]) -> str:
    """Its Markdown table; what it prints besides goes to the terminal."""
    script, *arguments = (part.format(**given) for part in benchmark.script)
    command = [sys.executable, str(HERE / f"{script}.py"), *filter(None, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if line.startswith("|"))


def command_of(benchmark: Benchmark) -> str:
    shown = {"{data}": "DATA", "{pdf}": "FILE.pdf"}
    return " ".join(["python", f"benchmarks/{benchmark.name}.py", *(shown.get(a, a) for a in benchmark.script[1:])])


def page(tables: dict[Benchmark, str], pictures: set[Benchmark]) -> str:
    """All of it as Markdown."""
    when = (
        f"Run on {dt.datetime.now(dt.UTC):%Y-%m-%d} with `python benchmarks/everything.py --write` on {machine()}. "
        "Everything in a table ran in turns in one run; figures are medians. Compare within a table, not between runs."
    )
    head = ["# Benchmarks of speed", when]
    for benchmark, table in tables.items():
        shown = [f"![{benchmark.title}](pictures/benchmark_{benchmark.name}.svg)"] if benchmark in pictures else []
        head += [f"## {benchmark.title}", f"`{command_of(benchmark)}`. {benchmark.note}", *shown, table]
    return "\n\n".join(head) + "\n"


def renewed(before: str, text: str) -> str:
    """The page as it was, with the head of another one, and its sections in place of those of the same titles."""
    head, *sections = text.split("\n## ")
    new = {section.partition("\n")[0]: section for section in sections}
    kept = {section.partition("\n")[0]: section for section in before.split("\n## ")[1:]}
    return "\n## ".join([head, *({**kept, **new}.values())]).rstrip("\n").replace("\n\n\n", "\n\n") + "\n"


def machine() -> str:
    """Cores, processor, memory, Python."""
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "")
    memory = next((int(line.split()[1]) >> 20 for line in _lines("/proc/meminfo") if "MemTotal" in line), 0)
    return f"{os.cpu_count()} cores ({cpu or platform.machine()}), {memory} GB, Python {platform.python_version()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def draw(table: str, column: str, title: str, path: Path) -> None:
    """Bars, one a row, of a column of a Markdown table; rows without a number there are left out."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same picture is the same file
    from matplotlib import pyplot as plt

    head, _, *rows = ([cell.strip() for cell in line.strip("| \n").split(" | ")] for line in _cells(table))
    at = head.index(column)
    found = [(row[0].strip("* "), float(row[at].strip("* "))) for row in rows if _is_number(row[at])]
    names, values = zip(*reversed(found), strict=True)
    _, axes = plt.subplots(figsize=(7, 0.9 + 0.34 * len(names)), layout="constrained")
    bars = axes.barh(names, values, color=["#1f6f78" if _is_ours(name) else "#b9c2c9" for name in names])
    axes.bar_label(bars, fmt="%g", padding=4)
    axes.set(title=title, xlabel=column)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    plt.savefig(path, metadata={"Date": None})
    plt.close()


def _cells(table: str) -> list[str]:
    # An empty first cell of the head would be lost with the border.
    return [line.replace("|  |", "| what |", 1) for line in table.splitlines()]


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip("* "))
    except ValueError:
        return False
    return True


def _is_ours(name: str) -> bool:
    return name.removeprefix("... ").startswith(OURS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of manifest.json")
    parser.add_argument("--pdf", default="", help="a born-digital PDF; without one a book is drawn")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in BENCHMARKS])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    chosen = [one for one in BENCHMARKS if not given.only or one.name in given.only]
    tables = {one: run(one, {"data": given.data, "pdf": given.pdf}) for one in chosen}
    pictures = {one for one in chosen if one.picture}
    text = page(tables, pictures)
    if not given.write:
        print(text)
        return
    written = DOCS / "benchmarks.md"
    written.write_text(renewed(written.read_text(), text) if given.only and written.exists() else text)
    for one in pictures:
        draw(tables[one], one.picture or "", one.title, DOCS / "pictures" / f"benchmark_{one.name}.svg")


if __name__ == "__main__":
    main()
