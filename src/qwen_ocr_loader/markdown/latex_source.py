"""LaTeX as a run of tokens: which brace closes which, where a formula ends; everything found in linear time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..tables import find_tables
from .latex_names import ALIGNED, FORMULAS

if TYPE_CHECKING:
    from ..tables import FoundTable

Kind = Literal["command", "paragraph", "newline", "mark", "angle", "text"]

_TOKEN = re.compile(
    r"(?P<comment>^[ \t]*%[^\n]*(?:\n|\Z)|%[ \t]*\n[ \t]*)"
    r"|\\(?P<command>[a-zA-Z]+\*?|[\s\S]|\Z)"
    r"|(?P<paragraph>[ \t]*\n[ \t]*\n\s*)"
    r"|(?P<newline>[ \t]*\n[ \t]*)"
    r"|(?P<mark>[{}$&~])"
    r"|(?P<angle><)"
    r"|(?P<text>%|[^\\{}$&~%\n<]+)",
    re.MULTILINE,
)
_BRACE = re.compile(r"\\[\s\S]|[{}]")
_GAP = re.compile(r"[ \t]*\n?[ \t]*")
_OPTION = re.compile(r"[ \t]*\[([^\[\]\n]{0,400})\]")
_DOLLARS = re.compile(r"\$((?:[^$\\\n]|\\[\s\S]|\n(?![ \t]*\n))+)\$")
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\Z")
_ENVIRONMENT = re.compile(r"[ \t]*\{([^{}\\\n]{1,40})\}")
_MARKED = re.compile(r"[ \t]*(?:[-*+] |#{1,6} |\d{1,3}[.)] |\||> |`{3})")
_LABEL = re.compile(r"\\(?:label\{[^{}]*\}|nonumber\b|notag\b)[ \t]*")


class Token(NamedTuple):
    """A token: ``text`` is a command's name, a mark, or the text itself; ``start`` is where it stands."""

    kind: Kind
    text: str
    start: int


class Formula(NamedTuple):
    """A formula as it stands in Markdown, without its dollars."""

    text: str
    displayed: bool


class Source:
    """A LaTeX text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._closing = _closing_braces(text)
        self._ahead: dict[str, int] = {}
        self._marked = _MARKED.match(text) is not None
        self._tables = _html_tables(text)

    def next(self) -> Token | None:
        """The next token, comments left out; None at the end."""
        while found := _TOKEN.match(self.text, self.at):
            self.at = found.end()
            kind = found.lastgroup
            if kind is not None and kind != "comment" and found.end() > found.start():
                return Token(kind, found[kind], found.start())  # type: ignore[arg-type]
            if found.end() == len(self.text):
                break
        return None

    def find(self, mark: str) -> int:
        """Where a mark stands next, or -1; what was looked up once is not looked for again."""
        known = self._ahead.get(mark)
        if known is None or -1 < known < self.at:
            known = self._ahead[mark] = self.text.find(mark, self.at)
        return known

    def until(self, mark: str) -> str:
        """What stands before a mark, read past it; all the rest where there is none."""
        end = self.find(mark)
        start, stop = self.at, len(self.text) if end < 0 else end
        self.at = len(self.text) if end < 0 else end + len(mark)
        return self.text[start:stop]

    def opened(self) -> int | None:
        """Read past the brace that opens an argument; where it is closed, or None where none opens here."""
        gap = _GAP.match(self.text, self.at)
        brace = gap.end() if gap else self.at
        closing = self._closing.get(brace)
        if closing is not None:
            self.at = brace + 1
        return closing

    def closed_at(self, brace: int) -> int | None:
        """Where the brace that stands there is closed; None where it is not."""
        return self._closing.get(brace)

    def argument(self) -> str | None:
        """The braced argument that comes next, as it is written, read past it; None where none comes."""
        closing = self.opened()
        if closing is None:
            return None
        start, self.at = self.at, closing + 1
        return self.text[start:closing]

    def html_table(self, start: int) -> FoundTable | None:
        """The HTML table that begins there, read past it; None where none does."""
        found = self._tables.get(start)
        if found is not None:
            self.at = found.end
        return found

    def keeps_line(self) -> bool:
        """Whether the line feed just read stands between lines that are Markdown already: items, rows, headings."""
        before, self._marked = self._marked, _MARKED.match(self.text, self.at) is not None
        return before or self._marked

    def around(self) -> str:
        """The letters before and after the command of one sign just read."""
        return self.text[max(self.at - 3, 0) : max(self.at - 2, 0)] + self.text[self.at : self.at + 1]

    def option(self) -> str | None:
        """The argument in brackets that comes next, read past it; None where none comes."""
        found = _OPTION.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found[1] if found else None

    def environment(self) -> str | None:
        r"""The name after ``\begin`` or ``\end``, read past it."""
        found = _ENVIRONMENT.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found[1].strip() if found else None

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What comes next, where it is like a pattern; read past it."""
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    # --- formulas -----------------------------------------------------------------------------------------------------

    def dollars(self, start: int) -> Formula | None:
        """The formula whose first dollar stands there, read past it; None where the dollar is an amount's."""
        if self.text.startswith("$$", start):
            self.at = start + 2
            return Formula(_tidy(self._formula("$$")), displayed=True)
        found = _DOLLARS.match(self.text, start)
        if found is None or not found[1].strip():
            return None
        self.at = found.end()
        return Formula(_tidy(found[1]), displayed=False)

    def bracketed(self, opening: str) -> Formula:
        r"""The formula after ``\(`` or ``\[``, read past it."""
        return Formula(_tidy(self._formula("\\)" if opening == "(" else "\\]")), opening == "[")

    def of_environment(self, name: str) -> Formula:
        """The formula in an environment, its beginning read already, read past its end."""
        return Formula(in_dollars(name, self._formula(f"\\end{{{name}}}")), name != "math")

    def _formula(self, end: str) -> str:
        """What stands before the formula's end; where it has none, all that is left of the paragraph."""
        if self.find(end) >= 0:
            return self.until(end)
        start = self.at
        paragraph = _PARAGRAPH.search(self.text, start)
        self.at = paragraph.start() if paragraph else len(self.text)
        return self.text[start : self.at]


def in_dollars(name: str, body: str) -> str:
    """What stands in an environment of formulas as it may stand between dollars."""
    bare = name.rstrip("*")
    body = _tidy(body)
    inner = ALIGNED.get(bare)
    if inner is None:
        return body
    if inner == "eqnarray":
        return f"\\begin{{array}}{{rcl}}\n{body}\n\\end{{array}}"
    separator = "" if bare == "alignat" else "\n"
    return f"\\begin{{{inner}}}{separator}{body}\n\\end{{{inner}}}"


def is_formula(environment: str) -> bool:
    """Whether what stands in it is a formula."""
    return environment.rstrip("*") in FORMULAS


def _tidy(body: str) -> str:
    """Without labels and empty lines, which no renderer takes."""
    return re.sub(r"[ \t]*\n\s*", "\n", _LABEL.sub("", body)).strip()


def _html_tables(text: str) -> dict[int, FoundTable]:
    """By where they begin."""
    if "<table" not in text.lower():
        return {}
    return {found.start: found for found in find_tables(text) if text.startswith("<", found.start)}


def _closing_braces(text: str) -> dict[int, int]:
    """The closing brace of every opening one that has one."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for found in _BRACE.finditer(text):
        if found[0] == "{":
            opened.append(found.start())
        elif found[0] == "}" and opened:
            closing[opened.pop()] = found.start()
    return closing
