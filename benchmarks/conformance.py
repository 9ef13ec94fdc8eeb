"""How loaders and readers of PDFs fare under the conformance kit: this package's, and others that run offline.

    python benchmarks/conformance.py            print the page
    python benchmarks/conformance.py --write    write it to docs/conformance.md

The files are drawn by the kit. Contestants that are not installed are said so:
``pip install "qwen-ocr-loader[benchmark]"``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import logging
import re
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qwen_ocr_loader.testing import (
    LOADER_RULES,
    READER_RULES,
    ConformanceReport,
    Outcome,
    Rule,
    cell,
    check_loader,
    check_parser,
    check_reader,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGE = Path(__file__).parent.parent / "docs" / "conformance.md"
SIGNS: dict[Outcome, str] = {"passed": "yes", "failed": "**no**", "skipped": "-"}

HEAD = """\
# Does a loader keep its promises?

`qwen_ocr_loader.testing` holds any LangChain loader or blob parser, and any LlamaIndex reader of files, to the rules
below. It draws the PDFs that it tries them with; other formats bring their own `Files`.

```python
from qwen_ocr_loader.testing import check_loader, check_parser, check_reader

report = check_loader(lambda path: MyLoader(path, api_key=KEY), secret=KEY)
print(report)  # a line for each rule; report.markdown() is a table
report.raise_for_failures()  # an AssertionError that says what was seen, and why it matters
```

As tests, one for each rule, for pytest (or unittest):

```python
from qwen_ocr_loader.testing import LoaderConformance


class TestMyLoader(LoaderConformance):
    def make(self, path):
        return MyLoader(path)
```

`ParserConformance` and `ReaderConformance` do the same for parsers and readers; `only` and `skip` choose among the
rules of a check.
"""

HOW = """\
## How others fare

*yes*: kept; **no**: broken, as told below the table; *-*: does not apply, or its framework does not ask for it. All
were run with their defaults, ours with the `local` engine; none was given a key. The rules and ours were written by the
same people, so look at what was seen rather than at the counts: it is about these files, and no measure of how well a
loader reads. To see it on your machine:

    pip install "qwen-ocr-loader[benchmark]"
    python benchmarks/conformance.py
"""


class Contestant(NamedTuple):
    """A class to be checked.

    Attributes:
        module: Where it is.
        name: Of the class.
        packages: Whose versions matter, its own first.
        settings: For its constructor.
    """

    module: str
    name: str
    packages: tuple[str, ...]
    settings: dict[str, Any] = {}  # noqa: RUF012  # nobody writes into it

    def kind(self) -> Callable[..., Any]:
        """The class; raises ImportError where it is not installed."""
        found: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
        return found

    def versions(self) -> str:
        """Of its packages."""
        return ", ".join(f"{package} {_version(package)}" for package in self.packages)


OURS = ("qwen-ocr-loader", "pypdfium2")
LOCAL = {"engine": "local"}
COMMUNITY, PARSERS = "langchain_community.document_loaders", "langchain_community.document_loaders.parsers.pdf"
LOADERS = (
    Contestant("qwen_ocr_loader.langchain", "QwenOCRLoader", OURS, LOCAL),
    Contestant(COMMUNITY, "PyPDFLoader", ("langchain-community", "pypdf")),
    Contestant(COMMUNITY, "PyPDFium2Loader", ("langchain-community", "pypdfium2")),
    Contestant(COMMUNITY, "PDFPlumberLoader", ("langchain-community", "pdfplumber")),
    Contestant(COMMUNITY, "PDFMinerLoader", ("langchain-community", "pdfminer.six")),
)
BLOB_PARSERS = (
    Contestant("qwen_ocr_loader.langchain", "QwenOCRBlobParser", OURS, LOCAL),
    Contestant(PARSERS, "PyPDFParser", ("langchain-community", "pypdf")),
    Contestant(PARSERS, "PyPDFium2Parser", ("langchain-community", "pypdfium2")),
)
READERS = (
    Contestant("qwen_ocr_loader.llama_index", "QwenOCRReader", OURS, LOCAL),
    Contestant("llama_index.readers.file", "PDFReader", ("llama-index-readers-file", "pypdf")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/conformance.md")
    warnings.simplefilter("ignore", DeprecationWarning)
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it logs of the broken file, as it should
    text = page()
    print(text, end="")
    if parser.parse_args().write:
        PAGE.write_text(text)


def page() -> str:
    """The whole page, with every contestant run now."""
    frameworks = f"langchain-core {_version('langchain-core')}, llama-index-core {_version('llama-index-core')}"
    return "\n".join(
        [
            HEAD,
            *("## The rules", "", rule_table()),
            HOW,
            f"Run on {dt.datetime.now(dt.UTC):%Y-%m-%d} with {frameworks}.",
            "",
            *section("LangChain loaders", LOADER_RULES, LOADERS, loader),
            *section("LangChain blob parsers", LOADER_RULES, BLOB_PARSERS, blob_parser),
            *section("LlamaIndex readers", READER_RULES, READERS, reader),
        ]
    )


def rule_table() -> str:
    """What each rule asks for and why, those for loaders first."""
    rows = ["| rule | what holds | why it matters |", "|---|---|---|"]
    rows += [f"| `{rule.name}` | {rule.says} | {rule.why} |" for rule in dict.fromkeys((*LOADER_RULES, *READER_RULES))]
    return "\n".join(rows) + "\n"


def loader(kind: Callable[..., Any], settings: dict[str, Any]) -> ConformanceReport:
    return check_loader(lambda path: kind(path, **settings))


def blob_parser(kind: Callable[..., Any], settings: dict[str, Any]) -> ConformanceReport:
    return check_parser(lambda: kind(**settings))


def reader(kind: Callable[..., Any], settings: dict[str, Any]) -> ConformanceReport:
    return check_reader(lambda: kind(**settings))


def section(
    title: str,
    rules: tuple[Rule, ...],
    contestants: Iterable[Contestant],
    check: Callable[[Callable[..., Any], dict[str, Any]], ConformanceReport],
) -> list[str]:
    """A table with a column for each contestant, and what was seen where a rule is broken."""
    reports, absent, seen = [], [], []
    for one in contestants:
        try:
            reports.append(check(one.kind(), one.settings))
        except ImportError as error:
            absent.append(f"- `{one.name}` was not run: {error}")
            continue
        seen.append(f"- `{one.name}` ({one.versions()}): {_counts(reports[-1])}")
        seen += [f"  - `{found.rule.name}`: {_steady(cell(found.reason))}" for found in reports[-1].failures]
    return [f"### {title}", "", comparison(rules, reports), *seen, *absent, ""]


def comparison(rules: tuple[Rule, ...], reports: list[ConformanceReport]) -> str:
    """A row for each rule."""
    rows = [f"| rule | {' | '.join(f'`{report.subject}`' for report in reports)} |", f"|---|{'---|' * len(reports)}"]
    for rule in rules:
        signs = [SIGNS[found.outcome] for report in reports for found in report.findings if found.rule == rule]
        rows.append(f"| `{rule.name}` | {' | '.join(signs)} |")
    return "\n".join(rows) + "\n"


def _steady(text: str) -> str:
    """Without addresses in memory, which would make every run's page another one."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _counts(report: ConformanceReport) -> str:
    return ", ".join(f"{len(report.of(outcome))} {outcome}" for outcome in SIGNS)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of this checkout"


if __name__ == "__main__":
    main()
