"""A conformance kit that any LangChain loader or LlamaIndex reader of files can be run through.

>>> from qwen_ocr_loader.testing import check_loader, check_parser, check_reader
>>> print(check_loader(lambda path: PyPDFLoader(path)))
>>> check_reader(MyReader).raise_for_failures()

It needs no test framework, and LangChain or LlamaIndex only for what it checks of them. ``LoaderConformance``,
``ParserConformance`` and ``ReaderConformance`` are the same rules as test classes. ``LOADER_RULES`` and
``READER_RULES`` say what is asked for, and why.
"""

from .check import LOADER_RULES, READER_RULES, check_loader, check_parser, check_reader
from .files import Files
from .report import ConformanceReport, Finding, Outcome, cell
from .rule import Rule, RuleBroken
from .suites import LoaderConformance, ParserConformance, ReaderConformance

__all__ = [
    "LOADER_RULES",
    "READER_RULES",
    "ConformanceReport",
    "Files",
    "Finding",
    "LoaderConformance",
    "Outcome",
    "ParserConformance",
    "ReaderConformance",
    "Rule",
    "RuleBroken",
    "cell",
    "check_loader",
    "check_parser",
    "check_reader",
]
