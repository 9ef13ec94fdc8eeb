"""What an engine read on a page: frozen, standard library only, the same for every engine."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from .geometry import Point, Quad

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def scrub(text: str) -> str:
    """Without NULs and lone surrogates: Postgres refuses the one, UTF-8 the other."""
    return _UNSTORABLE.sub("", text)


def _is_storable(text: str) -> bool:
    """Faster than a search, for whole pages."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _storable(value: Any) -> Any:
    """A value with all its strings scrubbed, and None for numbers that are none, which JSON has no word for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value if _is_storable(value) else scrub(value)
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return type(value)(map(_storable, value)) if isinstance(value, list | tuple) else value


TextFormat = Literal["plain", "markdown", "latex", "html"]
TextSource = Literal["text_layer", "ocr"]
Unit = Literal["px", "pt"]


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line (on a form or a table: a cell's line) and where it stands.

    Attributes:
        text: As it stands in the page's text.
        start, end: ``page.text[start:end] == text``, in code points.
        quad: Where it is printed, as fractions 0-1 of the displayed page; None where the engine gave no box.
        confidence: The engine's own, 0-1; None where it gave none.
        grounded: The box was not stated by the engine that read the text, but found on the lines of a witness.
    """

    text: str
    start: int
    end: int
    quad: Quad | None = None
    confidence: float | None = None
    grounded: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A line, or the part of one, that a field's value is printed on.

    Attributes:
        path: From the field's value to the part that stands here: ``()`` for the value itself, ``(0, "Sum")`` for the
            sum of its first element.
        text: As printed there.
        quad: As fractions 0-1 of the displayed page.
        page: 0-based.
        confidence: Of the line, 0-1; None where unknown.
    """

    path: tuple[str | int, ...]
    text: str
    quad: Quad
    page: int = 0
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A value asked for by name.

    Attributes:
        value: As printed: a string, a list of these, a dict of these, or None where the page has none.
        quad: Where the value is printed, as fractions 0-1 of the displayed page, all of it that stands on ``page``;
            None where unknown.
        confidence: 0-1; None where unknown.
        page: 0-based.
        problems: Why a person should look at it; empty where nothing was found wrong.
        places: The lines it is printed on, in the value's order; empty where unknown.
    """

    value: Any
    quad: Quad | None = None
    confidence: float | None = None
    page: int = 0
    problems: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()

    def scrubbed(self) -> Field:
        """As ``PageResult.scrubbed``."""
        places = (replace(place, path=_storable(place.path), text=_storable(place.text)) for place in self.places)
        value, problems = _storable(self.value), _storable(self.problems)
        return replace(self, value=value, problems=problems, places=tuple(places))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a witness's reading of the page bears out the engine's.

    Attributes:
        witness: Who read beside the engine, for example ``"local:PP-OCRv6-small"``.
        score: Share of words that both have, 0-1; 1 where neither has any.
        left_out: Words that the witness is sure of and the text lacks: a ``Line`` a run of words; its span is where in
            the page's text it was to be expected (``start == end``), its quad where it is printed.
        invented: Words of the text that the witness found nowhere on the page: ``Line``s without a quad.
        doubtful: The score is so low, or so much is left out or invented, that a person should look at the page.
    """

    witness: str
    score: float
    left_out: tuple[Line, ...] = ()
    invented: tuple[Line, ...] = ()
    doubtful: bool = False

    def scrubbed(self) -> Agreement:
        """As ``PageResult.scrubbed``."""
        left_out = tuple(replace(line, text=_storable(line.text)) for line in self.left_out)
        invented = tuple(replace(line, text=_storable(line.text)) for line in self.invented)
        return replace(self, left_out=left_out, invented=invented)


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        html: As it came from the engine, spans and all.
        rows: Its cells' text, row by row, merged cells repeated.
        quad: Where it stands, as fractions 0-1 of the displayed page; None where unknown.
    """

    html: str
    rows: tuple[tuple[str, ...], ...]
    quad: Quad | None = None

    def to_markdown(self) -> str:
        """As a Markdown table, its first row the header."""
        from .tables import to_markdown

        return to_markdown(self.rows)

    def to_csv(self) -> str:
        """As comma-separated values (RFC 4180), merged cells repeated."""
        from .tables import to_csv

        return to_csv(self.rows)

    def to_dataframe(self) -> Any:
        """As a pandas DataFrame of strings, its first row the columns' names, merged cells repeated.

        Raises:
            MissingDependency: pandas is not installed.
        """
        from .tables import to_dataframe

        return to_dataframe(self.rows)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a page cost. Adds up with ``+``."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    image_tokens: int = 0

    @property
    def tokens(self) -> int:
        """In and out together; image tokens are among those that go in."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.image_tokens + other.image_tokens,
        )


@dataclass(frozen=True, slots=True)
class PageResult:
    """One page, read.

    Attributes:
        page: 0-based.
        width, height: Of the page as displayed, in ``unit``.
        unit: ``"px"`` of the delivered image or ``"pt"`` of the PDF's visible box.
        text: The page in reading order.
        text_format: ``plain``, ``markdown``, ``latex`` or ``html``.
        lines: In reading order; ``text[line.start:line.end] == line.text`` for each.
        fields: Name to ``Field``.
        tables, formulas: In reading order; formulas are LaTeX.
        engine: Who read it, for example ``"local:PP-OCRv6-small"`` or ``"text-layer"``.
        tasks: What was asked for.
        text_source: ``"text_layer"`` (the PDF's own text) or ``"ocr"``.
        truncated: The engine's reply was cut off: there is more on the page.
        usage: Calls and tokens spent on it.
        agreement: What a witness says of the reading; None where there was none.

    Raises:
        ValueError: A line's span does not hold its text.
    """

    page: int
    width: float
    height: float
    unit: Unit
    text: str
    text_format: TextFormat = "plain"
    lines: tuple[Line, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    formulas: tuple[str, ...] = ()
    engine: str = ""
    tasks: tuple[str, ...] = ()
    text_source: TextSource = "ocr"
    truncated: bool = False
    usage: Usage = Usage()
    agreement: Agreement | None = None

    def __post_init__(self) -> None:
        text = self.text
        for line in self.lines:
            if text[line.start : line.end] != line.text:
                raise ValueError(f"page.text[{line.start}:{line.end}] is not the line's text {line.text!r}")

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the lines, weighed by their length; None where the engine gave none."""
        rated = [(line.confidence, max(len(line.text), 1)) for line in self.lines if line.confidence is not None]
        if not rated:
            return None
        return sum(score * size for score, size in rated) / sum(size for _, size in rated)

    @property
    def needs_review(self) -> bool:
        """Whether a person should look at it: it was cut off, a field has problems, or the witness disagrees."""
        doubtful = self.agreement is not None and self.agreement.doubtful
        return self.truncated or doubtful or any(found.problems for found in self.fields.values())

    def scrubbed(self) -> PageResult:
        """The same without NULs, lone surrogates and NaN, which no database takes; usually itself."""
        if self.fields or self.tables or self.formulas or self.agreement:
            self = replace(  # noqa: PLW0642 - from here on, what is cleaned is meant
                self,
                fields={_storable(name): found.scrubbed() for name, found in self.fields.items()},
                tables=tuple(
                    replace(table, html=_storable(table.html), rows=_storable(table.rows)) for table in self.tables
                ),
                formulas=_storable(self.formulas),
                agreement=self.agreement and self.agreement.scrubbed(),
            )
        if _is_storable(self.text):
            return self
        kept = [0]  # how many characters are kept before each index of the old text
        for letter in self.text:
            kept.append(kept[-1] + (_UNSTORABLE.match(letter) is None))
        lines = (
            replace(line, text=scrub(line.text), start=kept[line.start], end=kept[line.end]) for line in self.lines
        )
        return replace(self, text=scrub(self.text), lines=tuple(lines))

    def _repr_html_(self) -> str:
        """A small picture of its boxes beside its first lines, for notebooks."""
        from .card import card

        return card(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and scalars, ready for JSON; ``from_dict`` takes it back without loss."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PageResult:
        """From ``to_dict()``'s form, also after a trip through JSON.

        Raises:
            TypeError: A key is missing or unknown.
            ValueError: A line's span does not hold its text.
        """
        return cls(
            **{
                **data,
                "lines": tuple(Line(**_with_quad(line)) for line in data.get("lines", ())),
                "fields": {name: _field(value) for name, value in data.get("fields", {}).items()},
                "tables": tuple(_table(table) for table in data.get("tables", ())),
                "formulas": tuple(data.get("formulas", ())),
                "tasks": tuple(data.get("tasks", ())),
                "agreement": _agreement(data.get("agreement")),
                "usage": Usage(**data.get("usage", {})),
            }
        )


def merged(results: Sequence[PageResult]) -> PageResult:
    """Several tasks' readings of one page as one: text and lines of the first, everything else of all, usage added up.

    Raises:
        ValueError: There are none.
    """
    if not results:
        raise ValueError("there is nothing to merge")
    first, *others = results
    for other in others:
        first = replace(
            first,
            fields={**first.fields, **other.fields},
            tables=first.tables + other.tables,
            formulas=first.formulas + other.formulas,
            tasks=first.tasks + other.tasks,
            truncated=first.truncated or other.truncated,
            usage=first.usage + other.usage,
        )
    return first


def _with_quad(data: Mapping[str, Any]) -> dict[str, Any]:
    quad = data.get("quad")
    return {**data, "quad": None if quad is None else Quad(*(Point(x, y) for x, y in quad))}


def _field(data: Mapping[str, Any]) -> Field:
    places = tuple(Place(**{**_with_quad(place), "path": tuple(place["path"])}) for place in data.get("places", ()))
    return Field(**{**_with_quad(data), "problems": tuple(data.get("problems", ())), "places": places})


def _agreement(data: Mapping[str, Any] | None) -> Agreement | None:
    if data is None:
        return None
    left_out, invented = (tuple(Line(**_with_quad(line)) for line in data[key]) for key in ("left_out", "invented"))
    return Agreement(**{**data, "left_out": left_out, "invented": invented})


def _table(data: Mapping[str, Any]) -> Table:
    return Table(**{**_with_quad(data), "rows": tuple(tuple(row) for row in data.get("rows", ()))})
