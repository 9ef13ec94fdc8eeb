"""What can go wrong, as one tree; each class says whether to retry and how the command line exits.

OCRError
├── SourceError            what was handed over cannot be read
│   ├── UnsupportedSource      neither an image nor a PDF
│   ├── EncryptedPDF           a password is missing, or the one given is wrong
│   ├── DamagedSource          the bytes are cut off or broken
│   ├── EmptySource            no bytes, no pages
│   ├── SourceTooLarge         over a size or pixel limit
│   └── DownloadFailed         a URL could not be fetched
├── EngineError            (engine, page, request_id, code, status)
│   ├── MissingDependency      also an ImportError, with the pip command
│   ├── MissingKey
│   ├── KeyRejected
│   ├── AccountProblem         unpaid bill, no quota left, model not enabled
│   ├── UnsupportedTask        says which engines can
│   ├── RequestRejected        bad parameter, moderation
│   ├── RateLimited            retryable
│   ├── ServiceFailed          retryable: outage, timeout, broken connection
│   ├── ReplyTruncated         carries what was read
│   ├── ReplyUnreadable        carries the reply's text
│   ├── BudgetReached          the page was not sent: it could cost more than max_cost leaves
│   └── UnknownScript          carries what was read; says what to install
├── BatchError             a batch job was refused or lost
│   └── BatchBusy              another process is at work on it
└── CacheFailed            the cache cannot be used; pages are read all the same

``retryable`` tells a retry policy whether the same call may succeed later; ``exit_code`` is what ``qwen-ocr`` exits
with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class OCRError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        source: The file, URL or label the error belongs to, once known.
        page: The 0-based page, once known.
    """

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, source: str | None = None, page: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.page = page

    def __str__(self) -> str:
        where = [self.source] if self.source else []
        if self.page is not None:
            where.append(f"page {self.page + 1}")
        return f"{', '.join(where)}: {self.message}" if where else self.message

    def __reduce__(self) -> tuple[Callable[..., OCRError], tuple[Any, ...]]:
        return _rebuild, (type(self), self.__dict__)


def _rebuild(kind: type[OCRError], state: dict[str, Any]) -> OCRError:
    """Unpickle an error without calling its ``__init__``, whose signature differs between the classes."""
    error = kind.__new__(kind, state["message"])
    error.__dict__.update(state)
    return error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown word: the nearest known one, or all of them."""
    import difflib

    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(map(repr, choices))}"


# --- sources ---------------------------------------------------------------------------------------------------------


class SourceError(OCRError):
    """What was handed over cannot be turned into pages."""

    exit_code = 10


class UnsupportedSource(SourceError):
    """Neither an image nor a PDF, told by its content."""

    exit_code = 11


class EncryptedPDF(SourceError):
    """The PDF wants a password. ``wrong`` is True where one was given and refused."""

    exit_code = 12

    def __init__(
        self, message: str, *, wrong: bool = False, source: str | None = None, page: int | None = None
    ) -> None:
        super().__init__(message, source=source, page=page)
        self.wrong = wrong


class DamagedSource(SourceError):
    """The bytes say what they are, but are cut off or broken."""

    exit_code = 13


class EmptySource(SourceError):
    """No bytes, no pages, or a folder with nothing to read in it."""

    exit_code = 14


class SourceTooLarge(SourceError):
    """Over a size or pixel limit, refused before it is decoded."""

    exit_code = 15


class DownloadFailed(SourceError):
    """A URL could not be fetched, or points where it may not."""

    exit_code = 16


# --- engines ---------------------------------------------------------------------------------------------------------


class EngineError(OCRError):
    """An engine could not read a page.

    Attributes:
        engine: The engine's name, as in ``metadata["ocr_engine"]``.
        request_id: The service's id of the failed call, where it gave one.
        code: The service's own error code, where it gave one.
        status: The HTTP status, where there was one.
        usage: What the failed tries cost (``results.Usage``), where they were billed.
        partial: What was read before (``results.PageResult``), where several tasks were asked for and one failed.
    """

    exit_code = 20

    def __init__(
        self,
        message: str,
        *,
        engine: str | None = None,
        request_id: str | None = None,
        code: str | None = None,
        status: int | None = None,
        usage: Any = None,
        source: str | None = None,
        page: int | None = None,
    ) -> None:
        super().__init__(message, source=source, page=page)
        self.usage = usage
        self.partial: Any = None
        self.engine = engine
        self.request_id = request_id
        self.code = code
        self.status = status


class MissingDependency(EngineError, ImportError):
    """An optional package or program is not installed; the message holds the command that installs it.

    Also an ``ImportError``: LlamaIndex's ``SimpleDirectoryReader`` lets those through and prints every other error
    away.
    """

    exit_code = 21


class MissingKey(EngineError):
    """No API key was given or found."""

    exit_code = 22


class KeyRejected(EngineError):
    """The service does not accept the key (wrong key, region or workspace)."""

    exit_code = 23


class AccountProblem(EngineError):
    """The account may not make this call: unpaid, out of quota, model not enabled."""

    exit_code = 24


class UnsupportedTask(EngineError):
    """The engine cannot do the task; the message names those that can."""

    exit_code = 25


class RequestRejected(EngineError):
    """The service refused this request for good: a bad parameter, moderation."""

    exit_code = 26


class RateLimited(EngineError):
    """Too many requests or tokens. ``retry_after`` is in seconds where the service said so."""

    retryable = True
    exit_code = 27

    def __init__(self, message: str, *, retry_after: float | None = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.retry_after = retry_after


class ServiceFailed(EngineError):
    """The service or the way to it failed: 5xx, timeout, broken connection.

    ``retry_after`` is in seconds where the service said so; ``attempts`` caps the tries where more do not help.
    """

    retryable = True
    exit_code = 28

    def __init__(
        self, message: str, *, retry_after: float | None = None, attempts: int | None = None, **where: Any
    ) -> None:
        super().__init__(message, **where)
        self.retry_after = retry_after
        self.attempts = attempts


class ReplyTruncated(EngineError):
    """The reply stops before the page does. ``text`` is what was read."""

    exit_code = 29

    def __init__(self, message: str, *, text: str = "", **where: Any) -> None:
        super().__init__(message, **where)
        self.text = text


class ReplyUnreadable(EngineError):
    """The reply is not a reading of the page. ``text`` is the reply."""

    exit_code = 30

    def __init__(self, message: str, *, text: str = "", **where: Any) -> None:
        super().__init__(message, **where)
        self.text = text


class BudgetReached(EngineError):
    """A page was not sent, as it could have taken the run's cost above ``max_cost``."""

    exit_code = 31


class UnknownScript(EngineError):
    """Most of the page is in a script that nothing installed reads. ``text`` is what was read of it.

    No ``MissingDependency``: the engine reads the other pages all the same.
    """

    exit_code = 32

    def __init__(self, message: str, *, text: str = "", **where: Any) -> None:
        super().__init__(message, **where)
        self.text = text


class BatchError(OCRError):
    """A batch job was refused, failed or cannot be found."""

    exit_code = 40


class BatchBusy(BatchError):
    """Another process is at work on the batch's state file."""

    exit_code = 41


class CacheFailed(OCRError):
    """The cache cannot be used; the message says where it is and what to do."""

    exit_code = 50
