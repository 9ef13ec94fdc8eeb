"""The rules as test methods, one each, for pytest and unittest: derive a class and say how yours is made."""

from __future__ import annotations

import unittest
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from .check import LOADER_RULES, READER_RULES, TIME_LIMIT, check_loader, check_parser, check_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .files import Files
    from .report import ConformanceReport
    from .rule import Rule


class _Suite:
    """What both suites can be told.

    Attributes:
        files: To be loaded; the kit draws PDFs where there are none.
        secret: A key that ``make`` puts in, to see that nothing shows it.
        time_limit: Seconds that one rule may take.
    """

    files: Files | None = None
    secret: str | None = None
    time_limit: float = TIME_LIMIT


class LoaderConformance(_Suite, ABC):
    """A test for each rule on LangChain loaders.

    >>> class TestMyLoader(LoaderConformance):
    ...     def make(self, path):
    ...         return MyLoader(path)

    pytest finds the methods by themselves; for unittest derive from ``unittest.TestCase`` too. A rule that you know to
    be broken is a method to mark:

    >>> test_it_pickles = pytest.mark.xfail(LoaderConformance.test_it_pickles)
    """

    @abstractmethod
    def make(self, path: Path) -> Any:
        """A fresh loader for a file."""

    def check(self, name: str) -> ConformanceReport:
        """The report on one rule."""
        return check_loader(self.make, files=self.files, secret=self.secret, only=[name], time_limit=self.time_limit)


class ParserConformance(_Suite, ABC):
    """A test for each rule on LangChain blob parsers; used as ``LoaderConformance`` is."""

    @abstractmethod
    def make(self) -> Any:
        """A fresh parser."""

    def check(self, name: str) -> ConformanceReport:
        """The report on one rule."""
        return check_parser(self.make, files=self.files, secret=self.secret, only=[name], time_limit=self.time_limit)


class ReaderConformance(_Suite, ABC):
    """A test for each rule on LlamaIndex readers; used as ``LoaderConformance`` is."""

    @abstractmethod
    def make(self) -> Any:
        """A fresh reader."""

    def check(self, name: str) -> ConformanceReport:
        """The report on one rule."""
        return check_reader(self.make, files=self.files, secret=self.secret, only=[name], time_limit=self.time_limit)


def _test(rule: Rule) -> Callable[[Any], None]:
    def test(self: LoaderConformance | ParserConformance | ReaderConformance) -> None:
        report = self.check(rule.name)
        report.raise_for_failures()
        for finding in report.skipped:
            raise unittest.SkipTest(finding.reason)

    test.__name__ = f"test_{rule.name}"
    test.__doc__ = rule.says
    return test


for _kind, _rules in (
    (LoaderConformance, LOADER_RULES),
    (ParserConformance, LOADER_RULES),
    (ReaderConformance, READER_RULES),
):
    for _rule in _rules:
        setattr(_kind, f"test_{_rule.name}", _test(_rule))
