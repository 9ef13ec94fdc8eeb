"""Rules that LlamaIndex's conventions add: ``SimpleDirectoryReader``, ``extra_info``, ``fs``, what models are shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .rule import NotApplicable, expect, rules
from .trial import text_of

if TYPE_CHECKING:
    from .trial import Documents, Trial

SHOWN = 512
"""Characters of metadata a model may be shown with each chunk: those of about 128 tokens, a small chunk's size."""


def paths_may_be_strings(trial: Trial) -> None:
    """A file can be named by `Path` and by `str`, with the same result.

    `SimpleDirectoryReader` passes the one, people type the other.
    """
    documents = trial.session().subject.load_data(str(trial.files.good))
    trial.expect_same(documents, "by str")


def extra_info_is_kept(trial: Trial) -> None:
    """What is passed as `extra_info` is in each Document's metadata, and the dict that was passed stays as it was.

    `SimpleDirectoryReader` passes file names and dates in it; access rights and case numbers travel there too.
    """
    given = {"conformance_case": 17}
    session = trial.session()
    documents = session.subject.load_data(session.path, extra_info=given)
    kept = [document.metadata.get("conformance_case") == 17 for document in documents]
    expect(kept and all(kept), f"{kept.count(False)} of {len(kept)} Documents are without it")
    expect(given == {"conformance_case": 17}, "the caller's dict has been changed")


def reads_from_a_filesystem(trial: Trial) -> None:
    """A file of an fsspec filesystem is read from there.

    `SimpleDirectoryReader` over S3 passes `fs`; a reader that does not know it has every file skipped, and one that
    ignores it reads a local file of the same name.
    """
    try:
        import fsspec
    except ImportError:
        raise NotApplicable("fsspec is not installed") from None
    memory: Any = fsspec.filesystem("memory")  # type: ignore[no-untyped-call]
    path = f"/conformance/{trial.files.good.name}"
    memory.pipe(path, trial.files.good.read_bytes())
    try:
        documents = trial.session().subject.load_data(path, fs=memory)
    finally:
        memory.rm(path)
    _same_text(trial, documents, "from an fsspec filesystem")


def works_in_simple_directory_reader(trial: Trial) -> None:
    """`SimpleDirectoryReader` reads files with it, plainly and asynchronously.

    It prints a reader's errors and drops the file, so a signature that does not fit shows only as missing files.
    """
    from llama_index.core import SimpleDirectoryReader

    path = trial.files.good
    reader = SimpleDirectoryReader(
        input_files=[str(path)], file_extractor={path.suffix: trial.session().subject}, raise_on_error=True
    )
    _same_text(trial, reader.load_data(), "by SimpleDirectoryReader")
    _same_text(trial, asyncio.run(reader.aload_data()), "by SimpleDirectoryReader, asynchronously")


def models_are_shown_little(trial: Trial) -> None:
    """Metadata that embedding models and LLMs are shown stays under 512 characters.

    It counts towards the size of every chunk: splitters refuse, or cut the text into crumbs, where it is longer.
    """
    from llama_index.core.schema import MetadataMode

    for document in trial.documents:
        for mode in (MetadataMode.EMBED, MetadataMode.LLM):
            size = len(document.get_metadata_str(mode))
            expect(size <= SHOWN, f"{size} characters of metadata are shown ({mode.name})")


def comes_back_from_to_dict(trial: Trial) -> None:
    """`from_dict(to_dict())` makes a reader that reads the same, under a class name of its own.

    Pipelines are stored so, and their caches are keyed by it; `base_component` is every reader's name that gives none.
    """
    session = trial.session()
    if not hasattr(session.subject, "to_dict"):
        raise NotApplicable("is no BasePydanticReader")
    kind: Any = type(session.subject)
    expect(kind.class_name() != "base_component", "class_name() is 'base_component'")
    again = kind.from_dict(session.subject.to_dict())
    trial.expect_same(type(session)(again, session.path).load(), "after from_dict(to_dict())")


def _same_text(trial: Trial, documents: Documents, how: str) -> None:
    expect(list(map(text_of, documents)) == list(map(text_of, trial.documents)), f"other Documents {how}")


READERS = rules(
    [
        paths_may_be_strings,
        extra_info_is_kept,
        reads_from_a_filesystem,
        works_in_simple_directory_reader,
        models_are_shown_little,
        comes_back_from_to_dict,
    ]
)
