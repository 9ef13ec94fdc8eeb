"""Check a loader, parser or reader against every rule, and report."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import did_you_mean
from .awaited import AWAITED, STREAMED
from .contents import CONTENTS, SOURCE
from .files import Files
from .indexing import INDEXING, UPSERTING
from .leaving import LEAVING
from .loading import LOADING
from .readers import READERS
from .report import ConformanceReport, Finding
from .rule import NotApplicable, RuleBroken
from .trial import LoaderSession, ParserSession, ReaderSession, Trial
from .trouble import TROUBLE
from .watch import Aside

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from .rule import Rule
    from .trial import Session

LOADER_RULES: tuple[Rule, ...] = (*LOADING, *CONTENTS, *SOURCE, *INDEXING, *AWAITED, *STREAMED, *LEAVING, *TROUBLE)
READER_RULES: tuple[Rule, ...] = (*LOADING, *CONTENTS, *UPSERTING, *AWAITED, *LEAVING, *TROUBLE, *READERS)

TIME_LIMIT = 60.0


def check_loader(
    make: Callable[[Path], Any],
    *,
    files: Files | None = None,
    secret: str | None = None,
    only: Collection[str] | None = None,
    skip: Mapping[str, str] | None = None,
    time_limit: float = TIME_LIMIT,
) -> ConformanceReport:
    """Check a LangChain document loader: anything with ``lazy_load``, ``load``, ``alazy_load`` and ``aload``.

    >>> check_loader(lambda path: MyLoader(path)).raise_for_failures()

    Args:
        make: Makes a fresh loader for a file. It is called many times.
        files: To be loaded; the kit draws PDFs where none are given.
        secret: A key that ``make`` puts into the loader, to see that nothing shows it.
        only: Names of the rules to try; all by default.
        skip: Names of rules not to try, each with the reason that the report shall give.
        time_limit: Seconds that one rule may take; more is a failure.

    Returns:
        The report: a finding for each rule. A broken rule raises nothing here; ``raise_for_failures()`` does.

    Raises:
        ValueError: ``only`` or ``skip`` has a name that no rule has.
    """
    chosen = _chosen(LOADER_RULES, only, skip or {})
    return _check(lambda path: LoaderSession(make(path), path), files, secret, chosen, skip or {}, time_limit)


def check_parser(
    make: Callable[[], Any],
    *,
    files: Files | None = None,
    secret: str | None = None,
    only: Collection[str] | None = None,
    skip: Mapping[str, str] | None = None,
    time_limit: float = TIME_LIMIT,
) -> ConformanceReport:
    """Check a LangChain blob parser: anything with ``parse`` and ``lazy_parse``, and perhaps ``alazy_parse``.

    >>> check_parser(MyParser).raise_for_failures()

    Args:
        make: Makes a fresh parser. It is called many times.
        files: As for ``check_loader``, and so are the others.
        secret: A key that ``make`` puts into the parser.
        only: Names of the rules to try.
        skip: Names of rules not to try, with reasons.
        time_limit: Seconds that one rule may take.

    Raises:
        ValueError: ``only`` or ``skip`` has a name that no rule has.
    """
    chosen = _chosen(LOADER_RULES, only, skip or {})
    return _check(lambda path: ParserSession(make(), path), files, secret, chosen, skip or {}, time_limit)


def check_reader(
    make: Callable[[], Any],
    *,
    files: Files | None = None,
    secret: str | None = None,
    only: Collection[str] | None = None,
    skip: Mapping[str, str] | None = None,
    time_limit: float = TIME_LIMIT,
) -> ConformanceReport:
    """Check a LlamaIndex reader of files: anything with ``load_data(path)`` and ``aload_data(path)``.

    >>> check_reader(MyReader).raise_for_failures()

    Args:
        make: Makes a fresh reader. It is called many times.
        files: As for ``check_loader``, and so are the others.
        secret: A key that ``make`` puts into the reader.
        only: Names of the rules to try.
        skip: Names of rules not to try, with reasons.
        time_limit: Seconds that one rule may take.

    Raises:
        ValueError: ``only`` or ``skip`` has a name that no rule has.
    """
    chosen = _chosen(READER_RULES, only, skip or {})
    return _check(lambda path: ReaderSession(make(), path), files, secret, chosen, skip or {}, time_limit)


def _chosen(known: tuple[Rule, ...], only: Collection[str] | None, skip: Mapping[str, str]) -> list[Rule]:
    names = [rule.name for rule in known]
    for name in [*(only or ()), *skip]:
        if name not in names:
            raise ValueError(f"no rule {name!r}{did_you_mean(name, names)}")
    return [rule for rule in known if only is None or rule.name in only]


def _check(
    start: Callable[[Path], Session],
    files: Files | None,
    secret: str | None,
    chosen: list[Rule],
    skip: Mapping[str, str],
    time_limit: float,
) -> ConformanceReport:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        trial = Trial(start, files or Files.drawn(Path(folder)), Path(folder), secret)
        subject = type(trial.session().subject).__name__
        findings = [
            Finding(rule, "skipped", skip[rule.name]) if rule.name in skip else _finding(rule, trial, time_limit)
            for rule in chosen
        ]
    return ConformanceReport(subject, tuple(findings))


def _finding(rule: Rule, trial: Trial, time_limit: float) -> Finding:
    aside = Aside(lambda: rule.check(trial))
    if not aside.done(time_limit):
        return Finding(rule, "failed", f"not done within {time_limit:g} s")
    try:
        aside.result()
    except NotApplicable as error:
        return Finding(rule, "skipped", str(error))
    except RuleBroken as error:
        return Finding(rule, "failed", str(error))
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # the subject's own
        return Finding(rule, "failed", f"{type(error).__name__}: {error}")
    return Finding(rule, "passed")
