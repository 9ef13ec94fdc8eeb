"""The SQLite file a batch is remembered in: tables, version, and the lock of the one process that works on it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from ..errors import BatchBusy, BatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

VERSION = 2
_APPLICATION = 0x51_6F_63_72  # tells our files from other SQLite files
_TABLES = """
CREATE TABLE job (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE origins (id INTEGER PRIMARY KEY, origin TEXT NOT NULL);
CREATE TABLE pages (
    id INTEGER PRIMARY KEY, mark BLOB NOT NULL, run INTEGER NOT NULL, origin INTEGER NOT NULL, number INTEGER,
    label TEXT NOT NULL, asked TEXT, result TEXT, error TEXT
);
CREATE INDEX pages_by_mark ON pages (mark, run);
CREATE TABLE parts (
    id INTEGER PRIMARY KEY, state TEXT NOT NULL, lines INTEGER NOT NULL, size INTEGER NOT NULL,
    file_id TEXT, batch_id TEXT, output_id TEXT, error_id TEXT,
    status TEXT NOT NULL DEFAULT '', completed INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    passing INTEGER NOT NULL DEFAULT 0, looked REAL NOT NULL DEFAULT 0
);
CREATE TABLE lines (
    page INTEGER NOT NULL, task INTEGER NOT NULL, part INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'asked', tries INTEGER NOT NULL DEFAULT 1, expected TEXT NOT NULL, extra TEXT,
    usage TEXT NOT NULL DEFAULT '[0,0,0,0]', error TEXT, PRIMARY KEY (page, task)
) WITHOUT ROWID;
CREATE INDEX lines_open ON lines (part, page, task) WHERE state IN ('asked', 'again');
CREATE TABLE results (page INTEGER NOT NULL, task INTEGER NOT NULL, result TEXT NOT NULL, PRIMARY KEY (page, task));
"""


class StateFile:
    """The file, open and locked: one process at a time works on it.

    Args:
        path: Of the file; it is made where there is none.
        read_only: Look without a lock, whoever works on it.

    Raises:
        BatchError: In use by another process, of another version, or no such file.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._lock = None if read_only else _locked(path)
        try:
            self._db = self._opened(read_only=read_only)
        except sqlite3.Error as error:
            self._unlock()
            raise BatchError(f"{path} cannot be opened ({error}); {_ANOTHER}") from error
        except BaseException:
            self._unlock()
            raise

    def _opened(self, *, read_only: bool) -> sqlite3.Connection:
        if read_only and not self.path.exists():
            raise BatchError(f"there is no {self.path}; type: qwen-ocr batch submit FILE... -s {self.path}")
        db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            _check(db, self.path)
        except BaseException:
            db.close()
            raise
        return db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others work on it."""
        self._db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock:
            self._lock.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """All that is written inside is there together or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self.commit()

    def begin(self) -> None:
        """Start a change that ``commit`` ends."""
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """On disk, as far as the operating system keeps its word."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Forget the change under way, if any."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def __getitem__(self, name: str) -> Any:
        found = self._db.execute("SELECT value FROM job WHERE name = ?", (name,)).fetchone()
        return json.loads(found[0]) if found else None

    def __setitem__(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO job VALUES (?, ?)", (name, json.dumps(value, ensure_ascii=False)))


_ANOTHER = "give another state file: -s OTHER.batch"


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Make a new file ours; refuse what is not."""
    (empty,) = db.execute("SELECT count(*) = 0 FROM sqlite_master").fetchone()
    if empty:
        ours = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION};"
        db.executescript(f"BEGIN IMMEDIATE; {_TABLES} {ours} COMMIT")
    (application,), (version,) = (
        db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise BatchError(f"{path} is a database of something else; {_ANOTHER}")
    if version != VERSION:
        raise BatchError(
            f"{path} is of format {version} and this version writes {VERSION}; collect it with the version that made "
            f"it, or {_ANOTHER}"
        )
    db.execute("PRAGMA synchronous = FULL")


def _locked(path: Path) -> sqlite3.Connection:
    """SQLite's own lock on an empty file beside it, as that ends with its process on every system.

    Not on the file itself: ``batch status`` may look into that while another process waits for the service.
    """
    place = path.with_name(f"{path.name}-lock")
    try:
        lock = sqlite3.connect(place, timeout=1, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise BatchError(f"{place} cannot be written ({error}); {_ANOTHER}") from error
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        raise BatchBusy(
            f"another process is working on {path}; wait for it to end, or look at it with: "
            f"qwen-ocr batch status -s {path}"
        ) from error
    return lock
