"""Rules on trouble: errors are raised or marked, name the file, and never become content; secrets stay in."""

from __future__ import annotations

import asyncio
import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .rule import NotApplicable, expect, rules
from .trial import marked, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .trial import Documents, Trial

PAGE_KEYS = ("page", "page_number", "page_label")


def broken_files_are_reported(trial: Trial) -> None:
    """A file that cannot be read raises an error, or gives Documents whose metadata has an `error`.

    An empty list, or an empty page, looks as if the file had nothing in it: it is never read again.
    """
    path = trial.file("broken")
    for documents in (_tried(trial.session(path).load), _tried(lambda: asyncio.run(trial.session(path).aload()))):
        if isinstance(documents, list):
            expect(documents, "no Documents, and no error")
            expect(all(map(marked, documents)), f"{len(documents)} Documents, with nothing said of an error")


def errors_name_the_file(trial: Trial) -> None:
    """The error for a file that cannot be read has its name in it.

    Among ten thousand files "stream has ended unexpectedly" tells nobody which one to look at.
    """
    path = trial.file("broken")
    outcome = _tried(trial.session(path).load)
    told = [str(error) for error in _chain(outcome)] if isinstance(outcome, Exception) else map(_metadata, outcome)
    told = list(told)
    if not told:
        raise NotApplicable("raises no error")
    expect(any(path.name in text for text in told), f"{type(outcome).__name__}: {told[0][:120]}")


def errors_are_no_content(trial: Trial) -> None:
    """No Document has text for a file that cannot be read.

    An error message in the text is embedded, found and cited as if the author had written it.
    """
    outcome = _tried(trial.session(trial.file("broken")).load)
    for document in outcome if isinstance(outcome, list) else []:
        expect(not text_of(document).strip(), f"a Document of a broken file says {text_of(document)[:120]!r}")


def blank_pages_are_no_errors(trial: Trial) -> None:
    """A blank page ends nothing, is not marked as an error, and does not shift the numbers of the pages after it.

    Scanned stacks have blank backs; one must neither lose the file nor have citations point one page too early.
    """
    documents = trial.session(trial.file("blank")).load()
    expect(not any(map(marked, documents)), "a Document of a file with a blank page is marked as an error")
    full = [document for document in documents if text_of(document).strip()]
    expect(full, "no text of a file with a blank page")
    pages = [page for page in (_page(full[0]), _page(full[-1])) if page is not None]
    if len(full) > 1 and len(pages) == 2:
        expect(pages[1] - pages[0] == 2, f"pages 1 and 3 of a file are numbered {pages[0]} and {pages[1]}")


def scans_are_not_silently_empty(trial: Trial) -> None:
    """A page that is a picture of text gives text, or an error, a warning or a mark that it could not be read.

    Otherwise "ingested successfully" is said of a stack of scans of which not a word can be found.
    """
    session = trial.session(trial.file("scan"))
    with _warnings() as heard:
        outcome = _tried(session.load)
    if isinstance(outcome, list):
        said = [text for text in map(text_of, outcome) if text.strip()]
        expect(said or heard or any(map(marked, outcome)), f"{len(outcome)} empty Documents, and no warning")


def secrets_stay_in(trial: Trial) -> None:
    """A key is in no `repr`, `str`, `to_dict()` or `to_json()`, in no Document, and in no error.

    Those go to logs, traces, vector stores and bug reports.
    """
    if trial.secret is None:
        raise NotApplicable("no 'secret' was given")
    subject = trial.session().subject
    shown = {form.__name__: form(subject) for form in (repr, str)}
    for form in ("to_dict", "to_json"):
        if hasattr(subject, form):
            shown[form] = repr(getattr(subject, form)())
    shown["a Document"] = "".join(text_of(document) + _metadata(document) for document in trial.documents)
    if trial.files.broken:
        shown["an error"] = repr(_tried(trial.session(trial.file("broken")).load))
    told = [where for where, text in shown.items() if trial.secret in text]
    expect(not told, f"the secret is in {', '.join(told)}")


def _tried(load: Any) -> Documents | Exception:
    """The Documents, or the error that came instead."""
    try:
        return list(load())
    except Exception as error:  # noqa: BLE001  # whatever a loader raises is what is looked at
        return error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _metadata(document: Any) -> str:
    return repr(document.metadata)


def _page(document: Any) -> int | None:
    """The first of the usual page numbers that is a number."""
    found = (document.metadata.get(key) for key in PAGE_KEYS)
    return next((int(page) for page in found if str(page).isdecimal()), None)


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collects warnings, whether raised or logged."""
    heard: list[str] = []
    ear = logging.Handler(logging.WARNING)
    ear.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]  # one line of a handler
    logging.getLogger().addHandler(ear)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("ignore", DeprecationWarning)
            yield heard
        heard += [str(warning.message) for warning in warned]
    finally:
        logging.getLogger().removeHandler(ear)


TROUBLE = rules(
    [
        broken_files_are_reported,
        errors_name_the_file,
        errors_are_no_content,
        blank_pages_are_no_errors,
        scans_are_not_silently_empty,
        secrets_stay_in,
    ]
)
