"""Fields of a page by the geometry of its lines alone: for engines that read lines and understand nothing.

Without a schema they are the printed pairs of ``printed``. With one, each name is looked for among these pairs, by all
its names in ``labels``, the label that fits best first, a value that cannot be what is asked for passed over; then by
what it is, where a document prints it without a label (``receipts``). Nothing is made up: what is not found is None,
and every value is text of the page's lines, as printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..forking import cached_property
from ..results import Field
from .items import items
from .labels import Concept, Vocabulary, concept_of, likeness, phrase
from .ledger import is_money
from .printed import Pair, pairs
from .receipts import address, amount_right, contact, date, issuer, total
from .rows import Sheet, field_at
from .shapes import find, is_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..results import PageResult
    from .rows import Piece

_HEADING = 0.8  # of labels that fit less, none heads a block
_LIKELY = 0.35  # of labels that fit less, none is taken


def pair_fields(result: PageResult, schema: Mapping[str, Any] | None) -> dict[str, Field]:
    """Fields from a page's lines.

    Args:
        result: A page with lines; those without a quad are left out.
        schema: None for all printed pairs. Else names to descriptions, to a further such dict, or to a list that holds
            the one description or template of all its elements.

    Returns:
        Name to field: with a schema exactly its names, ``Field(None)`` where nothing was found. Without one, labels as
        printed; one that is printed several times has the list of its values.
    """
    if schema is None:
        return _all_printed(Sheet(result, Vocabulary()))
    sheet = Sheet(result, Vocabulary(_phrases(schema)))
    finder = _Finder(sheet)
    return {name: finder.field(name, wanted) for name, wanted in schema.items()}


def _phrases(schema: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, wanted in schema.items():
        yield phrase(name)
        inner = wanted[0] if isinstance(wanted, list) and wanted else wanted
        if isinstance(inner, Mapping):
            yield from _phrases(inner)


def _all_printed(sheet: Sheet) -> dict[str, Field]:
    found: dict[str, list[Sequence[Piece]]] = {}
    for pair in pairs(sheet):
        found.setdefault(sheet.label_text(pair.label), []).append(pair.value)
    return {label: _one_or_list(sheet, values) for label, values in found.items()}


def _one_or_list(sheet: Sheet, values: Sequence[Sequence[Piece]]) -> Field:
    return sheet.field(values[0]) if len(values) == 1 else _list_field(sheet, values)


def _list_field(sheet: Sheet, values: Sequence[Sequence[Piece]]) -> Field:
    places = [place for i, value in enumerate(values) for place in sheet.places(value, (i,))]
    return field_at([sheet.text(value) for value in values], tuple(places), sheet.page)


class _Finder:
    """Finds what a schema asks for on a sheet."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.pairs = pairs(sheet)

    def field(self, name: str, wanted: Any) -> Field:
        """The field of a name, whatever its template."""
        if isinstance(wanted, Mapping):
            return self._group(name, wanted)
        if isinstance(wanted, list):
            return self._list(name, wanted[0] if wanted else "")
        return self.sheet.field(self._value(concept_of(name, wanted or "")))

    def _list(self, name: str, template: Any) -> Field:
        if not isinstance(template, Mapping):
            found = list(self._labelled(concept_of(name), self.pairs))
            return _list_field(self.sheet, found) if found else Field(None, page=self.sheet.page)
        rows = items(self.sheet, {key: _of_item(key) for key in template})
        values = [{key: self.sheet.text(row.get(key, ())) or None for key in template} for row in rows]
        places = [
            place
            for i, row in enumerate(rows)
            for key, part in row.items()
            for place in self.sheet.places(part, (i, key))
        ]
        return field_at(values or None, tuple(places), self.sheet.page)

    def _group(self, name: str, members: Mapping[str, Any]) -> Field:
        """A dict of the members' values: printed with the group's name, or below it."""
        fields = {key: self._member(name, key, wanted) for key, wanted in members.items()}
        places = [replace(place, path=(key, *place.path)) for key, member in fields.items() for place in member.places]
        value = {key: member.value for key, member in fields.items()}
        return field_at(
            value if any(inner is not None for inner in value.values()) else None, tuple(places), self.sheet.page
        )

    def _member(self, group: str, name: str, wanted: Any) -> Field:
        if not isinstance(wanted, str):
            return self.field(name, wanted)
        concept, whole = concept_of(name, wanted), concept_of(f"{group} {name}")
        ways = (self._labelled(whole, self.pairs), self._labelled(concept, self._below_heading(group)))
        value = next((value for way in ways for value in way), None)
        if value is None and concept.name == "name":
            value = self._value(concept_of(group))
        return self.sheet.field(value or ())

    def _below_heading(self, name: str) -> Sequence[Pair]:
        """The pairs in the block of print under a label."""
        concept = concept_of(name)
        heading = max(
            (piece for piece in self.sheet.pieces if piece.label),
            key=lambda piece: likeness(piece.text, concept),
            default=None,
        )
        if heading is None or likeness(heading.text, concept) < _HEADING:
            return ()
        block = self.sheet.block_under(heading)
        return [pair for pair in self.pairs if pair.label in block]

    def _value(self, concept: Concept) -> Sequence[Piece]:
        """Where a value is printed; nothing where it is not found."""
        if concept.name == "total" and (found := total(self.sheet)):
            return found
        ways = (self._labelled(concept, self.pairs), self._labelled_in_list(concept))
        return next((found for way in ways for found in way), None) or self._unlabelled(concept)

    @cached_property
    def _listed(self) -> Sequence[Pair]:
        return pairs(self.sheet, listed=True)

    def _labelled_in_list(self, concept: Concept) -> Iterator[Sequence[Piece]]:
        """Values under headings of things bought, looked for only where nothing else is found."""
        yield from self._labelled(concept, self._listed)

    def _labelled(self, concept: Concept, among: Sequence[Pair]) -> Iterator[Sequence[Piece]]:
        """Values beside labels that fit, the best first."""
        scored = [(likeness(self.sheet.label_text(pair.label), concept), pair) for pair in among]
        fits = sorted((item for item in scored if item[0] >= _LIKELY), key=lambda item: -item[0])
        return (value for _, pair in fits if (value := self._fitting(pair, concept)))

    def _fitting(self, pair: Pair, concept: Concept) -> Sequence[Piece]:
        """The part of a pair's value that can be what is asked for."""
        text = self.sheet.text(pair.value)
        if concept.name == "tax number" and is_money(text):  # that of "VAT" is either
            return ()
        if concept.kind == "amount":
            return () if is_code(text) else amount_right(self.sheet, pair.label)
        if concept.kind in ("address", "text", "id"):
            return pair.value if find(text, concept.kind) else ()
        parts = (piece.part(*span) for piece in pair.value if (span := find(piece.text, concept.kind)))
        return tuple(parts)[:1]

    def _unlabelled(self, concept: Concept) -> Sequence[Piece]:
        """What documents print without a label."""
        match concept.name:
            case "company":
                return issuer(self.sheet)
            case "address":
                return address(self.sheet, issuer(self.sheet))
            case "date":
                return date(self.sheet)
            case "phone" | "email" | "website":
                return contact(self.sheet, concept.kind)
        return ()


def _of_item(name: str) -> Concept:
    """What a key of an item asks for: its name is what it is described by."""
    concept = concept_of(name)
    if concept.name != "name":
        return concept
    described = concept_of("description")
    return described._replace(phrases=(concept.phrases[0], *described.phrases))
