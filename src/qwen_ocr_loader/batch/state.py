"""What became of each page of a batch, in one SQLite file: killed anywhere, the next process goes on from there.

A *page* is what is delivered in the end, a *line* one task asked about one page, a *part* a file of lines that is
uploaded and makes one batch of the service. A line belongs to the part that asked for it last. The key is never here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors
from ..report import Origin
from ..results import PageResult, Usage
from .state_file import StateFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..errors import OCRError


class Part(NamedTuple):
    """A file of lines and the batch made of it.

    Attributes:
        state: ``filling``, ``ready``, ``uploading``, ``uploaded``, ``creating``, ``running``, ``ended`` (its answers
            can be fetched), ``collected``, ``closed`` (its files are deleted). While ``uploading`` and ``creating``,
            what the service did is not known.
        size: Bytes of its file that count; what stands behind them was never noted.
        status: The service's own word for where the batch is.
        completed: Lines the service says it has done.
        reason: Why it failed.
        passing: Whether that was the service's own trouble, which may have passed; 0 or 1.
        looked: When the service was asked last, in seconds since the epoch.
    """

    id: int
    state: str
    lines: int
    size: int
    file_id: str | None
    batch_id: str | None
    output_id: str | None
    error_id: str | None
    status: str
    completed: int
    reason: str
    passing: int
    looked: float


class Line(NamedTuple):
    """One task asked about one page.

    Attributes:
        task: Its index in the options' tasks.
        start, size: Where it stands in its part's file, in bytes.
        state: ``asked``, ``again`` (to be asked once more), ``done``, ``failed``.
        tries: How often it was asked.
        extra: Parameters of a second chance, as JSON; None for none.
        usage: All it was billed.
        error: Of the last try, or of the first of two that were cut off.
    """

    page: int
    task: int
    part: int
    start: int
    size: int
    state: str
    tries: int
    extra: str | None
    usage: Usage
    error: str | None


class PageRow(NamedTuple):
    """A page: with what must be remembered of it (``asked``), or with a result or error that cost nothing."""

    id: int
    origin: int
    number: int | None
    label: str
    asked: str | None
    result: str | None
    error: str | None


class Counts(NamedTuple):
    """Pages in all, and lines by what became of them."""

    pages: int
    asked: int
    done: int
    failed: int


_PART = ", ".join(Part._fields)
_LINE = ", ".join(Line._fields)
_PAGE = ", ".join(PageRow._fields)


class State(StateFile):
    """What is in the file. ``StateFile`` says how it is opened and when it is on disk."""

    # --- the job ------------------------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        """How far it is."""
        states = dict(self._db.execute("SELECT state, count(*) FROM lines GROUP BY state"))
        (pages,) = self._db.execute("SELECT count(*) FROM pages").fetchone()
        open_ = states.get("asked", 0) + states.get("again", 0)
        return Counts(pages, open_, states.get("done", 0), states.get("failed", 0))

    def expected(self) -> Usage:
        """What all lines are likely to need."""
        rows = self._db.execute("SELECT expected, count(*) FROM lines GROUP BY expected")
        return sum((times(Usage(*json.loads(text)), number) for text, number in rows), Usage())

    # --- parts --------------------------------------------------------------------------------------------------------

    def parts(self, *states: str) -> list[Part]:
        """In the order they were made; all, or those in one of the states."""
        rows = self._db.execute(f"SELECT {_PART} FROM parts ORDER BY id")  # noqa: S608 - a constant
        return [part for part in map(Part._make, rows) if not states or part.state in states]

    def part(self, number: int) -> Part:
        """One of them, as it is now."""
        row = self._db.execute(f"SELECT {_PART} FROM parts WHERE id = ?", (number,)).fetchone()  # noqa: S608
        return Part._make(row)

    def add_part(self, state: str) -> Part:
        """A new one, empty."""
        made = self._db.execute("INSERT INTO parts (state, lines, size) VALUES (?, 0, 0)", (state,))
        assert made.lastrowid is not None
        return self.part(made.lastrowid)

    def note(self, part: Part, **values: Any) -> Part:
        """Write down what is new about a part; on disk unless a change is under way."""
        names = ", ".join(f"{name} = :{name}" for name in values)
        self._db.execute(f"UPDATE parts SET {names} WHERE id = :id", {**values, "id": part.id})  # noqa: S608 - our names
        return self.part(part.id)

    # --- pages and lines ----------------------------------------------------------------------------------------------

    def add_origin(self, origin: Origin) -> int:
        """Remember a file; returns its id."""
        said = json.dumps(asdict(origin), ensure_ascii=False, default=str)
        number = self._db.execute("INSERT INTO origins (origin) VALUES (?)", (said,)).lastrowid
        assert number is not None
        return number

    def origin(self, number: int) -> Origin:
        """A file, as it was handed over."""
        (said,) = self._db.execute("SELECT origin FROM origins WHERE id = ?", (number,)).fetchone()
        return Origin(**json.loads(said))

    def met(self, mark: bytes, run: int) -> PageRow | None:
        """A page that an earlier run has already taken in; each is met once in a run, so copies count separately."""
        row = self._db.execute(
            f"SELECT {_PAGE} FROM pages WHERE mark = ? AND run <> ? ORDER BY id LIMIT 1",  # noqa: S608
            (mark, run),
        ).fetchone()
        if row is None:
            return None
        self._db.execute("UPDATE pages SET run = ? WHERE id = ?", (run, row[0]))
        return PageRow._make(row)

    def add_page(self, mark: bytes, run: int, row: PageRow) -> int:
        """Take in a page, under a new id, which is returned."""
        made = self._db.execute(
            "INSERT INTO pages (mark, run, origin, number, label, asked, result, error) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (mark, run, *row[1:]),
        )
        assert made.lastrowid is not None
        return made.lastrowid

    def unreadable(self) -> list[tuple[int, str]]:
        """The pages and files that could not be opened: id, and the file's name."""
        rows = self._db.execute("SELECT id, origin FROM pages WHERE error IS NOT NULL").fetchall()
        return [(page, self.origin(origin).name) for page, origin in rows]

    def drop(self, pages: Iterable[int]) -> None:
        """Forget pages."""
        self._db.executemany("DELETE FROM pages WHERE id = ?", [(page,) for page in pages])

    def add_line(self, page: int, task: int, part: int, span: tuple[int, int], expected: Usage) -> None:
        """Note that a task is asked about a page, in a part's file at ``span`` (start and size)."""
        self._db.execute(
            "INSERT INTO lines (page, task, part, start, size, expected) VALUES (?, ?, ?, ?, ?, ?)",
            (page, task, part, *span, _usage_text(expected)),
        )

    def line(self, page: int, task: int) -> Line | None:
        """One line; None where nothing of the kind was asked."""
        row = self._db.execute(
            f"SELECT {_LINE} FROM lines WHERE page = ? AND task = ?",  # noqa: S608
            (page, task),
        ).fetchone()
        return _line(row) if row else None

    def open_lines(self, part: Part, state: str, after: tuple[int, int] = (0, -1), most: int = 500) -> list[Line]:
        """The next lines of a part that are ``asked`` or to be asked ``again``."""
        rows = self._db.execute(
            f"SELECT {_LINE} FROM lines WHERE part = ? AND state = ? AND state IN ('asked', 'again') "  # noqa: S608
            "AND (page, task) > (?, ?) ORDER BY page, task LIMIT ?",
            (part.id, state, *after, most),
        )
        return [_line(row) for row in rows]

    def settle(self, line: Line, result: PageResult | None) -> None:
        """Write down what became of a line, its ``state``, ``extra``, ``usage`` and ``error``."""
        self._db.execute(
            "UPDATE lines SET state = ?, extra = ?, usage = ?, error = ? WHERE page = ? AND task = ?",
            (line.state, line.extra, _usage_text(line.usage), line.error, line.page, line.task),
        )
        if result is not None:
            said = json.dumps(result.to_dict(), ensure_ascii=False, separators=(",", ":"))
            self._db.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", (line.page, line.task, said))

    def ask_again(self, line: Line, part: int, span: tuple[int, int]) -> None:
        """Move a line to another part, to be asked once more: its ``tries``, ``extra`` and ``error`` are noted."""
        self._db.execute(
            "UPDATE lines SET part = ?, start = ?, size = ?, state = 'asked', tries = ?, extra = ?, error = ? "
            "WHERE page = ? AND task = ?",
            (part, *span, line.tries, line.extra, line.error, line.page, line.task),
        )

    def failed_lines(self, page: int) -> list[Line]:
        """The lines of a page that failed for good; none while others of it are still to be answered."""
        lines = [line for line, _ in self.lines_of(page)]
        if any(line.state in ("asked", "again") for line in lines):
            return []
        return [line for line in lines if line.state == "failed"]

    def renew(self, page: int, row: PageRow) -> None:
        """Write down anew what a page was ``asked`` as, or a ``result`` that cost nothing."""
        self._db.execute("UPDATE pages SET asked = ?, result = ? WHERE id = ?", (row.asked, row.result, page))

    def asked(self, page: int) -> Any:
        """What was remembered of a page, as it came."""
        (said,) = self._db.execute("SELECT asked FROM pages WHERE id = ?", (page,)).fetchone()
        return json.loads(said)

    def pages_after(self, page: int, most: int) -> list[PageRow]:
        """The next pages by id."""
        rows = self._db.execute(
            f"SELECT {_PAGE} FROM pages WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608
            (page, most),
        )
        return [PageRow._make(row) for row in rows]

    def lines_of(self, page: int) -> list[tuple[Line, PageResult | None]]:
        """A page's lines in the order of the tasks, with what was read."""
        rows = self._db.execute(
            f"SELECT {_LINE}, (SELECT result FROM results AS r WHERE r.page = l.page AND r.task = l.task) "  # noqa: S608
            "FROM lines AS l WHERE page = ? ORDER BY task",
            (page,),
        )
        return [(_line(row[:-1]), PageResult.from_dict(json.loads(row[-1])) if row[-1] else None) for row in rows]


def mark_of(*names: object) -> bytes:
    """What tells a page from others, from its file's name and content and its number; nothing can be read from it."""
    return hashlib.blake2b("\0".join(map(str, names)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def packed(error: OCRError) -> str:
    """An error as JSON; ``unpacked`` gives it back, as the class of ``errors`` it is a case of."""
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    known = {name: value for name, value in error.__dict__.items() if isinstance(value, str | int | float | bool)}
    return json.dumps({**known, "kind": kind.__name__}, ensure_ascii=False)


def unpacked(text: str) -> OCRError:
    """The error that was packed."""
    said: Mapping[str, Any] = json.loads(text)
    kind: type[OCRError] = getattr(errors, said["kind"])
    error = kind(said["message"])
    error.__dict__.update({name: value for name, value in said.items() if name != "kind"})
    return error


def _line(row: tuple[Any, ...]) -> Line:
    line = Line._make(row)
    return line._replace(usage=Usage(*json.loads(row[8])))


def _usage_text(usage: Usage) -> str:
    return json.dumps([usage.calls, usage.input_tokens, usage.output_tokens, usage.image_tokens])


def times(usage: Usage, number: int) -> Usage:
    """So many times the same."""
    return Usage(*(value * number for value in json.loads(_usage_text(usage))))
