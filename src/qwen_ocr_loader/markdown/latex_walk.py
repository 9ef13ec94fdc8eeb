"""What is open while LaTeX is read: groups, lists, tables, emphasis; and what becomes of each at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from . import blocks
from . import latex_names as names
from .draft import Draft, bulleted
from .latex_source import Source
from .latex_tables import LatexTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .latex_source import Formula

DEEPEST = 32
"""Lists, quotes, cells and the like in one another; deeper ones lose their structure, not their text."""

_ITEM = object()
_STYLE_MARKS = frozenset(names.STYLES.values())


@dataclass(slots=True)
class Open:
    """Something that is open.

    Attributes:
        ends: Where its brace closes, or its environment's name; None for what ends with whatever is around it.
        close: Called at its end.
        start: Where it begins in the draft.
        paragraphs, ink: Of the draft, as it began.
        holds: It is taken out of the draft at its end, and written anew.
        data: Whatever ``close`` needs.
    """

    ends: int | str | None
    close: Callable[[Open], None]
    start: int
    paragraphs: int
    ink: int
    holds: bool = False
    data: Any = None


class Walk:
    """A walk over a text, without a word yet of what commands mean."""

    def __init__(self, text: str) -> None:
        self.source, self.draft = Source(text), Draft()
        self.open: list[Open] = []
        self.ends: Counter[int | str] = Counter()
        self.lists: list[int] = []  # where in ``open``
        self.holding = 0
        self.styles: Counter[str] = Counter()

    # --- what is open -------------------------------------------------------------------------------------------------

    def _push(
        self, ends: int | str | None, close: Callable[[Open], None], *, holds: bool = False, data: Any = None
    ) -> None:
        draft = self.draft
        start = draft.placeholder()
        if holds and self.holding >= DEEPEST:
            holds, close = False, self.nothing
        self.open.append(Open(ends, close, start, draft.paragraphs, draft.ink, holds, data))
        self.holding += holds
        if ends is not None:
            self.ends[ends] += 1

    def pop(self) -> None:
        """End what was opened last."""
        ending = self.open.pop()
        self.holding -= ending.holds
        if ending.ends is not None:
            self.ends[ending.ends] -= 1
        ending.close(ending)

    def end(self, what: int | str) -> bool:
        """End what is open by that name, and all that was left open in it."""
        if not self.ends[what]:
            return False
        while self.open[-1].ends != what:
            self.pop()
        self.pop()
        return True

    def argument(self, close: Callable[[Open], None], *, holds: bool = False, data: Any = None) -> bool:
        """Open the braced argument that comes next; False where none comes."""
        self.source.option()
        closing = self.source.opened()
        if closing is None:
            return False
        self._push(closing, close, holds=holds, data=data)
        return True

    def skip(self, count: int) -> None:
        """Read past arguments that print nothing."""
        self.source.option()
        for _ in range(count):
            self.source.argument()
            self.source.option()

    def nothing(self, ended: Open) -> None:
        """A group that only groups."""

    def table(self) -> LatexTable | None:
        """The table whose cell is being read, nothing else being open in it."""
        while self.open and self.open[-1].ends is None and self.open[-1].data is not _ITEM:
            self.pop()
        return self.open[-1].data if self.open and isinstance(self.open[-1].data, LatexTable) else None

    def formula(self, formula: Formula) -> None:
        """Write a formula; within a table's cell on the cell's line."""
        if not formula.text:
            return
        if not formula.displayed:
            self.draft.atom(blocks.inline(formula.text))
        elif any(isinstance(frame.data, LatexTable) for frame in self.open[-DEEPEST:]):
            self.draft.atom(f" ${' '.join(formula.text.split())}$ ")
        else:
            self.draft.block(blocks.display(formula.text))

    # --- lists ---

    def begin_list(self, name: str) -> None:
        """A list begins."""
        self.source.option()
        if name == "thebibliography":
            self.source.argument()
        if not self.lists:
            self.draft.paragraph()
        self.lists.append(len(self.open))
        self._push(name, self.end_list, data=[name.rstrip("*"), 0])

    def end_list(self, _: Open) -> None:
        """It ends."""
        self.lists.pop()
        self.draft.paragraph()

    def item(self, label: str) -> None:
        """An item begins, and the one before it ends."""
        if not self.lists:
            self.draft.put("\n- ")
            self.draft.put(f"{label} " if label else "")
            return
        while len(self.open) > self.lists[-1] + 1:
            self.pop()
        marker, shown = self.marker(label)
        if self.holding < DEEPEST:
            self._push(None, partial(self.end_item, marker), holds=True, data=_ITEM)
        else:
            self.draft.put(f"\n{marker} ")
        self.draft.put(shown)

    def marker(self, shown: str) -> tuple[str, str]:
        """What stands before the item, and the label that its text begins with."""
        data = self.open[-1].data
        if data[0] == "description" and shown:
            return "-", (shown if "**" in shown else f"**{shown}**") + " "
        if data[0] in ("enumerate", "compactenum") and not shown:
            data[1] += 1
            return f"{data[1]}.", ""
        return "-", f"{shown} " if shown not in ("", "-", "•", "–") else ""

    def end_item(self, marker: str, ended: Open) -> None:
        """An item is at its end."""
        self.draft.put("\n" + bulleted(marker, self.draft.taken(ended.start)))

    def wrap(self, ended: Open) -> None:
        """Marks round what was written, but not round nothing, round several paragraphs, or twice."""
        opening, closing = ended.data
        if opening in _STYLE_MARKS:
            self.styles[opening] -= 1
        pieces = self.draft.pieces
        spans = self.draft.paragraphs != ended.paragraphs or self.draft.ink == ended.ink
        if spans or self.styles[opening] or len(pieces) == ended.start + 1:
            return
        first, last = pieces[ended.start + 1], pieces[-1]
        pieces[ended.start + 1] = first.lstrip()
        pieces[ended.start] = first[: len(first) - len(first.lstrip())] + opening
        last = pieces[-1]
        pieces[-1] = last.rstrip()
        pieces += [closing, last[len(last.rstrip()) :]]

    # --- tables -------------------------------------------------------------------------------------------------------

    def begin_table(self, name: str) -> None:
        """A table begins; one in a table's cell is text of that."""
        self.skip(2 if name in ("tabular*", "tabularx", "tabulary") else 1)
        inner = any(isinstance(frame.data, LatexTable) for frame in self.open[-DEEPEST:])
        if inner or self.holding >= DEEPEST:
            self._push(name, self.nothing)
        else:
            self.draft.paragraph()
            self._push(name, self.end_table, holds=True, data=LatexTable())

    def cell_start(self) -> int:
        """Where the cell begins in the draft."""
        return self.open[-1].start

    def open_cell(self) -> None:
        """A cell begins."""
        self.open[-1].start = self.draft.placeholder()

    def cell(self) -> None:
        """A cell is at its end, where one is being read."""
        if table := self.table():
            table.cell(self.draft.cell(self.cell_start()))
            self.open_cell()
        else:
            self.draft.put(" " if self.lists or self.open else "&")

    def end_table(self, ended: Open) -> None:
        """A table is at its end."""
        table: LatexTable = ended.data
        last = self.draft.cell(ended.start)
        if last:
            table.cell(last)
        table.end_row()
        self.draft.block(table.to_markdown())

    def spanning(self, what: str) -> None:
        """A cell over several columns or rows; its text follows as a group."""
        self.source.option()
        count = self.source.argument() or ""
        self.source.option()
        self.source.argument()
        if table := self.table():
            table.spans(**{what: count})

    def head(self, *, first: bool) -> None:
        """A longtable's head is at its end."""
        if table := self.table():
            table.first_head_ends() if first else table.head_ends()
