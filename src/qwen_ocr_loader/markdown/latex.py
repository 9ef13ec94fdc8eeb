r"""A page in LaTeX becomes Markdown, tolerantly: what is cut off or unknown loses its marks, never its words.

Our own, because nothing kept up does this. Pandoc is a program of its own under the GPL; texmd, latex2markdown and
latextomd know a handful of commands, or call Pandoc. pylatexenc (MIT, kept up) makes plain text, so that its parser is
all that would help: tried in 2026-11 (2.11), it fails by recursion at 3,000 braces in one another, and takes five
seconds for a megabyte. What a model writes needs neither macros nor registers, only marks that open and close.

One walk over the tokens, with a stack of what is open and no recursion, so that time grows with the length only.
Formulas are handed on as they are written, between dollars.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from . import blocks
from . import latex_names as names
from .draft import BREAK, quoted, without_marks
from .escaping import untagged
from .latex_source import is_formula
from .latex_walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from .latex_source import Token
    from .latex_walk import Open


def latex_to_markdown(text: str) -> str:
    """A page, or a piece of one, in LaTeX as Markdown.

    Headings, lists, tables, quotes, listings, links, footnotes, emphasis and formulas stay; commands that say only how
    something looks go. HTML tables in it become Markdown too.
    """
    return _Page(without_marks(text)).markdown()


class _Page(Walk):
    """A walk over a text that knows what commands mean."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.notes: list[str] = []
        self.top = _top_level(text)

    def markdown(self) -> str:
        """All of it as Markdown."""
        while token := self.source.next():
            self.take(token)
        while self.open:
            self.pop()
        notes = [f"[^{number}]: {note}" for number, note in enumerate(self.notes, 1)]
        return "\n\n".join(filter(None, [self.draft.whole(), *notes]))

    def take(self, token: Token) -> None:
        match token.kind:
            case "text":
                self.draft.put(_typeset(token.text))
            case "command":
                self.command(token.text)
            case "mark":
                self.mark(token)
            case "newline":
                self.draft.put("\n" if self.source.keeps_line() else " ")
            case "paragraph":
                self.source.keeps_line()
                self.draft.paragraph()
            case "angle":
                self.angle(token)

    # --- marks --------------------------------------------------------------------------------------------------------

    def mark(self, token: Token) -> None:
        match token.text:
            case "{":
                closing = self.source.closed_at(token.start)
                if closing is not None:
                    self._push(closing, self.nothing)
            case "}":
                self.end(token.start)
            case "&":
                self.cell()
            case "$":
                formula = self.source.dollars(token.start)
                self.formula(formula) if formula else self.draft.put("$")
            case _:
                self.draft.put("~" if self.source.text[token.start - 1 : token.start] == "/" else " ")

    def angle(self, token: Token) -> None:
        if found := self.source.html_table(token.start):
            self.draft.block(blocks.table(found, untagged, untagged))
        elif tag := self.source.match(_TAG):
            self.draft.put(BREAK if tag[1] == "br" else f"<{tag[0]}")
        else:
            self.draft.put("\\<" if self.source.match(_LIKE_A_TAG) else "<")

    # --- commands -----------------------------------------------------------------------------------------------------

    def command(self, name: str) -> None:
        bare = name.rstrip("*") if len(name) > 1 else name
        if bare in _COMMANDS:
            _COMMANDS[bare](self)
        elif bare in names.ACCENTS and (accented := self.source.match(_ACCENTED)):
            self.draft.put(_accented(accented, names.ACCENTS[bare]))
        elif bare in names.SYMBOLS:
            self.draft.put(names.SYMBOLS[bare])
            if bare.isalpha() and (len(bare) < 3 or bare in _JOINED):
                self.source.match(_SPACES)
        elif bare in names.STYLES:
            self.style(bare)
        elif bare in names.LEVELS:
            self.headed(names.LEVELS[bare])
        elif bare in names.SKIPPED:
            self.skip(names.SKIPPED[bare])
        elif bare in _FRACTIONS:
            self.fraction(bare)
        elif not bare.isalpha():
            self.draft.put(bare)

    def begin(self) -> None:
        name = self.source.environment()
        if name is None:
            return
        bare = name.rstrip("*")
        if is_formula(name):
            self.formula(self.source.of_environment(name))
        elif name in names.VERBATIM:
            self.verbatim(name)
        elif name in names.TABLES:
            self.begin_table(name)
        elif bare in names.LISTS:
            self.begin_list(name)
        elif bare in names.QUOTES:
            self.draft.paragraph()
            self._push(name, self.quote, holds=True)
        else:
            self.begin_block(name)

    def begin_block(self, name: str) -> None:
        self.draft.paragraph()
        title = self.source.option()
        if name.rstrip("*") in names.STATEMENTS:
            said = name.rstrip("*").capitalize() + (f" ({title})" if title else "")
            self.draft.put(f"**{said}**" if name == "abstract" else f"**{said}.** ")
            if name == "abstract":
                self.draft.paragraph()
        self.skip(names.SKIPPED.get(name, 0))
        self._push(name, self.block)

    def block(self, _: Open) -> None:
        self.draft.paragraph()

    def end_environment(self) -> None:
        name = self.source.environment()
        if name is not None:
            self.end(name)

    def line_break(self) -> None:
        self.source.match(_LENGTH)
        if table := self.table():
            table.cell(self.draft.cell(self.cell_start()))
            table.end_row()
            self.open_cell()
        else:
            self.draft.put(BREAK)

    # --- emphasis and other wrapping ----------------------------------------------------------------------------------

    def style(self, name: str) -> None:
        mark = names.STYLES[name]
        data = (mark, mark)
        if name in names.STYLED_ARGUMENTS:
            opened = self.argument(self.wrap, data=data)
        else:
            self._push(None, self.wrap, data=data)
            opened = True
        self.styles[mark] += opened

    def raised(self, tag: str) -> None:
        self.argument(self.wrap, data=(f"<{tag}>", f"</{tag}>"))

    def teletype(self) -> None:
        source = self.source
        closing = source.opened()
        if closing is None:
            return
        text = source.text[source.at : closing] if closing - source.at < _LONGEST_CODE else "\\a"
        if _NO_CODE.search(text):
            self._push(closing, self.nothing)
        else:
            source.at = closing + 1
            self.draft.atom(blocks.code(re.sub(r"\\(.)", r"\1", text)))

    def underline(self) -> None:
        source = self.source
        closing = source.opened()
        if closing is None:
            return
        if blank := _BLANK.match(source.text, source.at, closing):
            source.at = closing if blank.end() == closing else source.at
        if source.at == closing:
            self.draft.put("____")  # to be filled in
            source.at = closing + 1
        else:
            self._push(closing, self.nothing)

    def fraction(self, name: str) -> None:
        given = [self.source.argument() for _ in range(_FRACTIONS[name])]
        formula = f"\\{name}" + "".join(f"{{{part}}}" for part in given if part is not None)
        self.draft.atom(blocks.inline(formula))

    def ensure_formula(self) -> None:
        body = self.source.argument()
        if body and body.strip():
            self.draft.atom(blocks.inline(body))

    # --- headings and other arguments ---------------------------------------------------------------------------------

    def headed(self, level: int) -> None:
        if not self.argument(self.heading, holds=True, data=level):
            self.draft.paragraph()  # cut off in the middle of it

    def heading(self, ended: Open) -> None:
        level = ended.data if ended.data == _TITLE else max(ended.data - self.top, 1)
        text = self.draft.line(ended.start).replace("**", "")
        self.draft.block(blocks.heading(text, level or 1))

    def run_in(self) -> None:
        self.draft.paragraph()
        if self.argument(self.wrap, data=("**", "** ")):
            self.styles["**"] += 1

    def apart(self, ended: Open) -> None:
        """A paragraph of its own: author, date, caption."""
        if table := self.table():
            table.caption = self.draft.line(ended.start)
            self.open_cell()
            return
        text = self.draft.taken(ended.start)
        self.draft.paragraph()
        self.draft.put(text)
        self.draft.paragraph()

    def note(self) -> None:
        if not self.argument(self.noted, holds=True):
            self.source.option()

    def noted(self, ended: Open) -> None:
        note = self.draft.line(ended.start)
        if note:
            self.notes.append(note)
            self.draft.put(f"[^{len(self.notes)}]")

    def href(self) -> None:
        url = self.source.argument() or ""
        if not self.argument(self.linked, holds=True, data=url):
            self.draft.atom(blocks.link("", _bare(url)))

    def linked(self, ended: Open) -> None:
        self.draft.atom(blocks.link(self.draft.line(ended.start), _bare(ended.data)))

    def url(self) -> None:
        self.draft.atom(_bare(self.source.argument() or ""))

    def picture(self) -> None:
        self.source.option()
        self.draft.atom(blocks.picture("", self.source.argument() or ""))

    def cite(self) -> None:
        notes = [note for note in (self.source.option(), self.source.option()) if note]
        keys = self.source.argument() or ""
        said = ", ".join([*(key.strip() for key in keys.split(",") if key.strip()), *notes])
        self.draft.put(f"[{said}]" if said else "")

    def reference(self, form: str) -> None:
        target = self.source.argument()
        self.draft.put(form.format(target) if target else "")

    def verb(self) -> None:
        if found := self.source.match(_VERB):
            self.draft.atom(blocks.code(found[2]))

    def verbatim(self, name: str) -> None:
        option = self.source.option() or ""
        language = (self.source.argument() or "") if name == "minted" else ""
        named = re.search(r"language=\{?([\w+#-]+)", option)
        code = self.source.until(f"\\end{{{name}}}").strip("\n").rstrip()
        self.draft.block(blocks.listing(code, named[1].lower() if named else language.strip()))

    # --- lists and quotes ---------------------------------------------------------------------------------------------

    def bibitem(self) -> None:
        self.source.option()
        self.item(f"[{self.source.argument() or ''}]")

    def quote(self, ended: Open) -> None:
        self.draft.put(quoted(self.draft.taken(ended.start)))
        self.draft.paragraph()


_TITLE = 0
_FRACTIONS = {"frac": 2, "dfrac": 2, "tfrac": 2, "sqrt": 1, "overline": 1}
_LONGEST_CODE = 400
_NO_CODE = re.compile(r"\\[a-zA-Z\\]|\$|\n")
_BLANK = re.compile(r"(?:\s|~|\\[ ,;:]|\\(?:hspace|vspace)\*?\{[^{}]*\}|\\(?:q?quad|phantom\{[^{}]*\})(?![a-zA-Z]))*")
_LENGTH = re.compile(r"\*?[ \t]*\[-?[\d.]+[ \t]*(?:pt|em|ex|cm|mm|in|\\[a-zA-Z]+)\]|\*")
_JOINED = frozenset({"textdegree", "degree"})
_SPACES = re.compile(r"[ \t]+")
_VERB = re.compile(r"([^a-zA-Z\s*])(.*?)\1")
_ACCENTED = re.compile(r"[ \t]*(?:\{[ \t]*(?:\\([ij])(?![a-zA-Z])|(\w)?)[ \t]*\}|\\([ij])(?![a-zA-Z])[ \t]*|(\w))")
_TAG = re.compile(r"(br|/?(?:sub|sup|u))[ \t]*/?>", re.IGNORECASE)
_LIKE_A_TAG = re.compile(r"(?=[a-zA-Z/!?])")
_RULE = re.compile(r"(?:\([^()\n]*\))?(?:\[[^\]\n]*\])?")

_COMMANDS: dict[str, Callable[[_Page], Any]] = {
    "begin": _Page.begin,
    "end": _Page.end_environment,
    "(": lambda walk: walk.formula(walk.source.bracketed("(")),
    "[": lambda walk: walk.formula(walk.source.bracketed("[")),
    **dict.fromkeys([")", "]"], lambda walk: walk.draft.put("")),
    **dict.fromkeys(["\\", "newline", "linebreak", "tabularnewline"], _Page.line_break),
    "par": lambda walk: walk.draft.paragraph(),
    "and": lambda walk: walk.draft.put(BREAK),
    "_": lambda walk: walk.draft.put("_" if walk.source.around().isalnum() else "\\_"),
    "#": lambda walk: walk.draft.put("\\#" if walk.draft.pieces[-1:] in ([], ["\n"], ["\n\n"]) else "#"),
    "texttt": _Page.teletype,
    "underline": _Page.underline,
    "textsuperscript": lambda walk: walk.raised("sup"),
    "textsubscript": lambda walk: walk.raised("sub"),
    "ensuremath": _Page.ensure_formula,
    "title": lambda walk: walk.headed(_TITLE),
    **dict.fromkeys(names.RUN_IN, _Page.run_in),
    **dict.fromkeys(["author", "date", "caption", "captionof"], lambda walk: walk.argument(walk.apart, holds=True)),
    **dict.fromkeys(["footnote", "thanks", "footnotetext"], _Page.note),
    "href": _Page.href,
    **dict.fromkeys(["url", "path", "nolinkurl"], _Page.url),
    "includegraphics": _Page.picture,
    **dict.fromkeys(["cite", "citep", "citet", "citealp", "parencite", "textcite"], _Page.cite),
    **dict.fromkeys(["ref", "pageref", "autoref", "cref", "Cref"], lambda walk: walk.reference("{}")),
    "eqref": lambda walk: walk.reference("({})"),
    **dict.fromkeys(["verb", "lstinline"], _Page.verb),
    "item": lambda walk: walk.item(latex_to_markdown(walk.source.option() or "")),
    "bibitem": _Page.bibitem,
    "multicolumn": lambda walk: walk.spanning("columns"),
    "multirow": lambda walk: walk.spanning("rows"),
    "cmidrule": lambda walk: (walk.source.match(_RULE), walk.source.argument()),
    "endfirsthead": lambda walk: walk.head(first=True),
    "endhead": lambda walk: walk.head(first=False),
}


def _top_level(text: str) -> int:
    """How many levels headings move up: a page without chapters starts with its sections."""
    return 0 if re.search(r"\\(?:title|chapter|part)\b", text) else 1


def _typeset(text: str) -> str:
    """Dashes and quotation marks as they are printed."""
    text = re.sub(r"(?<!`)``(?!`)", "“", text).replace("''", "”")
    text = re.sub(r"(?<![`\w])`([^`'\n]{1,200})'", r"‘\1’", text)
    text = re.sub(r"(?<=[\w\s])---(?=[\w\s])", "—", text)
    return re.sub(r"(?<=\w)--(?=\w)", "–", text)


def _accented(found: re.Match[str], mark: str) -> str:
    letter = next((group for group in found.groups() if group), "")
    return unicodedata.normalize("NFC", letter + mark) if letter else ""


def _bare(url: str) -> str:
    """An address without LaTeX's escapes."""
    return re.sub(r"\\([%#&_~{}$])", r"\1", url).strip()
