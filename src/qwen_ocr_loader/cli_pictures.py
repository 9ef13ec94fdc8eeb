"""The commands that show: ``qwen-ocr view`` writes a page for a browser, ``qwen-ocr draw`` pictures with boxes."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import chain, count
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .cli_pages import output_to, sources_of, tell
from .draw import Overlay
from .errors import OCRError
from .page_pictures import Pictures
from .report import Failure
from .target import file_id, files_of
from .view import write_view

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Container

    from .reader import Reader
    from .source import Found

    AddOptions = Callable[[argparse.ArgumentParser], None]
    MakeReader = Callable[[argparse.Namespace], Reader]

KINDS = ("tables", "lines", "fields", "order", "doubts")
"""What can be drawn, in that order."""


def add_pictures(commands: Any, add_options: AddOptions, make_reader: MakeReader) -> None:
    """Add both commands.

    Args:
        commands: Of the parser, as ``add_subparsers`` gives it.
        add_options: Adds what decides which pages are read, and how.
        make_reader: Makes the reader that was asked for.
    """
    for add in (_add_view, _add_draw):
        parser = add(commands)
        add_options(parser)
        parser.set_defaults(on_error="placeholder", max_cost=None, make_reader=make_reader)


def _add_view(commands: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser("view", help="pages with boxes and text, in a browser")
    parser.set_defaults(run=_view)
    parser.add_argument("-o", "--output", metavar="FILE", help="the HTML file (default: FILE.html, here)")
    return parser


def _add_draw(commands: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser("draw", help="pictures of pages with boxes on them")
    parser.set_defaults(run=_draw)
    parser.add_argument("-o", "--output", metavar="FOLDER", default="boxes", help="for the PNGs (default: %(default)s)")
    only = "once or several times (default: all); doubts are there with --witness"
    parser.add_argument("--only", action="append", choices=KINDS, help=only)
    return parser


def _view(asked: argparse.Namespace) -> int:
    reader: Reader = asked.make_reader(asked)
    target = asked.output or f"{_stem(asked.sources[0])}.html"
    with (
        _pictures(asked) as pictures,
        output_to(target, sources_of(asked), reader.options.glob) as out,
        closing(_pages(reader, asked, pictures)) as pages,
    ):
        written = write_view(pages, out, pictures)
    print(f"{target}: {written} page{'s' * (written != 1)}")
    return tell(reader.report)


def _draw(asked: argparse.Namespace) -> int:
    reader: Reader = asked.make_reader(asked)
    folder, taken = Path(asked.output), set[str]()
    sources = {file for _, file in files_of(sources_of(asked), reader.options.glob)} if folder.exists() else ()

    def is_drawn(found: Found) -> bool:
        """One of ours, in a folder that is looked into only now."""
        path = Path(found.name)
        named = found.from_folder and path.suffix == ".png" and path.stem.casefold() in taken
        return named and path.parent.resolve() == folder.resolve()

    with _pictures(asked) as pictures, closing(_pages(reader, asked, pictures, is_drawn)) as pages:
        for page in pages:
            if page.error is not None:
                continue
            try:
                overlay = Overlay(page, pictures.of(page))
            except OCRError as error:  # the file has changed since the page was read
                reader.report.failures.append(Failure(page.origin.name, page.result.page, error))
                continue
            for kind in KINDS:
                if kind in (asked.only or KINDS):
                    getattr(overlay, kind)()
            print(_saved(overlay, folder, f"{_stem(page.origin.name)}-{page.result.page + 1}", taken, sources))
    return tell(reader.report)


def _pages(
    reader: Reader, asked: argparse.Namespace, pictures: Pictures, but: Callable[[Found], bool] = lambda _: False
) -> Any:
    options = reader.options
    found = pictures.watch(sources_of(asked), glob=options.glob, download=options.download)
    return reader.pages(one for one in found if not but(one))


def _pictures(asked: argparse.Namespace) -> Pictures:
    return Pictures(password=asked.password)


def _saved(overlay: Overlay, folder: Path, name: str, taken: set[str], sources: Container[Any]) -> Path:
    """Files of one name in several folders, a page asked for twice, or one called like a source get a number each."""
    names = chain([name], (f"{name}-{again}" for again in count(2)))
    free = (one for one in names if one.casefold() not in taken)  # some file systems know no case
    path = next(path for path in (folder / f"{one}.png" for one in free) if file_id(path) not in sources)
    taken.add(path.stem.casefold())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return overlay.save(path)
    except OSError as error:
        raise OCRError(f"{path} cannot be written ({error.strerror}); give another --output") from error


def _stem(name: str) -> str:
    """What a file of ours is called after the file it shows: no suffix, nothing a file system would not take."""
    stem = PurePath(name.partition("?")[0].rstrip("/")).stem
    return re.sub(r"[^\w.-]+", "_", stem).strip("._-") or "scan"
