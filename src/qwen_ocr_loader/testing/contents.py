"""Rules on what is in the Documents: text that any store takes, metadata that is flat, and nothing that changes."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from .rule import NotApplicable, expect, rules
from .trial import id_of, text_of, written

if TYPE_CHECKING:
    from .trial import Trial

TICK = 1.05
"""Seconds after which a clock that shows seconds shows another one."""


def metadata_is_flat(trial: Trial) -> None:
    """Metadata values are str, int, finite float or bool.

    Vector stores refuse lists, dicts and None, each its own selection of them, and filtering them out loses the data.
    """
    for document in trial.documents:
        for key, value in document.metadata.items():
            flat = isinstance(value, str | int | float) and not (isinstance(value, float) and not math.isfinite(value))
            expect(flat, f"{key!r} is {_short(value)}")


def metadata_is_json(trial: Trial) -> None:
    """Metadata can be written as JSON with its keys sorted.

    `index()` hashes that, and raises on dates, bytes, numpy numbers and keys of several types.
    """
    for document in trial.documents:
        strange = [key for key in document.metadata if not isinstance(key, str)]
        expect(not strange, f"a key is {strange[:1]}")
        for key, value in document.metadata.items():
            expect(_is_json(value), f"{key!r} is {_short(value)}, which JSON cannot hold")


def _is_json(value: Any) -> bool:
    try:
        return bool(json.dumps(value, sort_keys=True))
    except (TypeError, ValueError):
        return False


def metadata_has_the_same_keys(trial: Trial) -> None:
    """All Documents have the same metadata keys.

    Columnar stores take their columns from the first, and a filter on a key that is sometimes missing drops pages.
    """
    keys = [set(document.metadata) for document in trial.documents]
    differ = set.union(*keys) - set.intersection(*keys)
    expect(not differ, f"only some have {', '.join(sorted(map(repr, differ)))}")


def metadata_names_the_source(trial: Trial) -> None:
    """Each Document's metadata has a `source`.

    `index(source_id_key="source")` raises KeyError without it, and nobody can tell where an answer came from.
    """
    expect(all(document.metadata.get("source") for document in trial.documents), "no 'source' in the metadata")


def runs_give_the_same(trial: Trial) -> None:
    """A fresh object gives the same text and metadata a second later.

    Timings, request ids and dates of reading in metadata make every page look changed, and be embedded again, each run.
    """
    first = trial.session().load()
    time.sleep(TICK)
    second = trial.session().load()
    expect(len(first) == len(second), f"{len(first)} Documents, then {len(second)}")
    for one, other in zip(first, second, strict=True):
        changed = sorted({key for key, _ in set(written(one)) ^ set(written(other))})
        expect(not changed, f"{', '.join(map(repr, changed))} changed from run to run")
        expect(text_of(one) == text_of(other), "the text changed from run to run")


def ids_are_stable(trial: Trial) -> None:
    """A page has the same id in every run, and no two Documents share one.

    Stores upsert by id: new ids double the index with every run, shared ones overwrite pages.
    """
    ids = [id_of(document) for document in trial.documents]
    if not any(ids):
        raise NotApplicable("gives no ids, so stores make their own")
    expect(None not in ids, "only some Documents have an id")
    expect(len(set(ids)) == len(ids), "two Documents have the same id")
    expect([id_of(document) for document in trial.session().load()] == ids, "other ids in a second run")


def text_is_clean(trial: Trial) -> None:
    """Text and metadata have no NUL characters and no lone surrogates, whatever the file has.

    PostgreSQL refuses the first, and every encoder, hash and HTTP client the second: one bad font stops the whole run.
    """
    for document in [*trial.documents, *trial.session(trial.file("odd")).load()]:
        for text in [text_of(document), *filter(_is_text, document.metadata.values())]:
            expect("\0" not in text, "there is a NUL character in the text or metadata")
            expect(not any("\ud800" <= char <= "\udfff" for char in text), "there is a lone surrogate in it")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _short(value: object) -> str:
    told = repr(value)
    return told if len(told) < 60 else f"{told[:60]}..."


CONTENTS = rules(
    [
        metadata_is_flat,
        metadata_is_json,
        metadata_has_the_same_keys,
        runs_give_the_same,
        ids_are_stable,
        text_is_clean,
    ]
)
SOURCE = rules([metadata_names_the_source])
