"""Pages in one SQLite file: the default, for all the processes of one machine. Not for a network file system."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from ..errors import CacheFailed
from .claims import LEASE, Claims, has_died
from .contract import NOTE, CacheStats, failed_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE_NAME = "pages.sqlite3"
VERSION = 1
_APPLICATION = 0x51_6F_63_63  # tells our files from other SQLite files
_PATIENCE = 30.0  # seconds to wait for other processes' changes; each takes a millisecond
_NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)  # of a file, and of one beside it
_TABLES = f"""
CREATE TABLE pages (key TEXT PRIMARY KEY, value BLOB NOT NULL, made REAL NOT NULL);
CREATE TABLE claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, renewed INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
"""


class SqliteCache:
    """In one SQLite file: the default, for all the processes of one machine. Not for a network file system.

    Args:
        folder: Where the file is, or will be.
        lease: Seconds a claim holds without being renewed, where its process cannot be seen to have ended.
        clock: Seconds, of any origin, by which others' claims are watched.
    """

    def __init__(
        self, folder: str | Path, *, lease: float = LEASE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self._lock = threading.RLock()
        self._claims = Claims(self._renew, lease, clock)
        self._opened: sqlite3.Connection | None = None
        with _ALL_LOCK:
            _ALL.add(self)

    def __reduce__(self) -> tuple[Callable[..., SqliteCache], tuple[Path]]:
        return partial(SqliteCache, lease=self._claims.lease), (self.folder,)

    def __repr__(self) -> str:
        return f"SqliteCache({str(self.folder)!r})"

    def get(self, key: str) -> bytes | None:
        """What was put under a key."""
        with self._database() as database:
            row = database.execute("SELECT value FROM pages WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        self._claims.unwatch(key)
        value: bytes = row[0]
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a value and give up the claim on its key."""
        with self._writing() as database:
            database.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (key, value, time.time()))
            database.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, self._claims.token(key)))
        self._claims.drop(key)

    def claim(self, key: str) -> bool:
        """Whether the key is ours to read now."""
        return self._claims.take(key, partial(self._recorded, key))

    def _recorded(self, key: str, token: str) -> bool:
        look = "SELECT owner, renewed FROM claims WHERE key = ?"
        with self._database() as database:
            row = database.execute(look, (key,)).fetchone()
            if row and not self._claims.is_abandoned(key, *row):
                return False
            with self._writing():
                if database.execute(look, (key,)).fetchone() != row:
                    return False
                database.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, 0)", (key, token))
        return True

    def release(self, key: str) -> None:
        """Give up a claim without a result."""
        if token := self._claims.drop(key):
            with self._writing() as database:
                database.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, token))

    def clear(self) -> int:
        """Forget all pages, and the claims of processes that are no more."""
        with self._writing() as database:
            pages = self.stats().pages
            database.execute("DELETE FROM pages")
            owners = database.execute("SELECT DISTINCT owner FROM claims").fetchall()
            database.executemany("DELETE FROM claims WHERE owner = ?", [row for row in owners if has_died(*row)])
        with self._database() as database, suppress(sqlite3.OperationalError):  # in use: the file keeps its size
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return pages

    def stats(self) -> CacheStats:
        """What is in it."""
        with self._database() as database:
            found = database.execute(
                "SELECT count(*), coalesce(sum(length(value)), 0) FROM pages WHERE key NOT LIKE ?", (NOTE + "%",)
            ).fetchone()
        return CacheStats(*found)

    def close(self) -> None:
        """Close the file; the next use opens it again. Claims are kept up."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()

    def freeze(self) -> None:
        """Wait for whoever is at work in it, close the file, and let nobody in until ``thaw()``."""
        self._lock.acquire()
        with suppress(Exception):  # it is out of use all the same
            self.close()

    def thaw(self) -> None:
        """Let others in again."""
        self._lock.release()

    def _renew(self, held: dict[str, str]) -> None:
        with self._lock:
            was_closed = self._opened is None
            try:
                with self._writing() as database:
                    rows = list(held.items())
                    database.executemany("UPDATE claims SET renewed = renewed + 1 WHERE key = ? AND owner = ?", rows)
            finally:
                if was_closed:
                    self.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all, with no other writer in between."""
        with self._database() as database:
            try:
                if database.in_transaction:  # somebody was interrupted in the middle of one
                    database.execute("ROLLBACK")
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one user at a time; after an error it is opened anew."""
        with self._lock:
            try:
                if self._opened is None:
                    self._opened = _connected(self.folder)
                yield self._opened
            except (sqlite3.Error, OSError) as error:
                was_open = self._opened is not None
                self.close()
                raise failed_at(self.folder / FILE_NAME, error, is_read=was_open) from error


def _connected(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    try:
        database = _checked(path)
    except sqlite3.OperationalError as error:
        if _primary(error) not in _NOT_WRITABLE or not _is_at_rest(path):
            raise
        return _checked(path, at_rest=True)
    database.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last pages, never the file
    return database


def _is_at_rest(path: Path) -> bool:
    """Whether nobody is writing: there is no log beside it (sqlite.org/wal.html, "Read-Only Databases", 2026-11)."""
    return path.exists() and not path.with_name(f"{FILE_NAME}-wal").exists()


def _checked(path: Path, *, at_rest: bool = False) -> sqlite3.Connection:
    place = f"{path.as_uri()}?immutable=1" if at_rest else path
    database = sqlite3.connect(place, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, uri=at_rest)
    try:
        _check(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Make a new file ours; refuse what is not."""
    if _is_new(database):
        _switch_to_wal(database)
        database.execute("BEGIN IMMEDIATE")
        if _is_new(database):
            for statement in filter(str.strip, _TABLES.split(";")):
                database.execute(statement)
        database.execute("COMMIT")
    (application,), (version,) = (
        database.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise CacheFailed(f"{path} is a database of something else; give another folder: cache=FOLDER")
    if version != VERSION:
        raise CacheFailed(
            f"{path} is of format {version}, and this version knows {VERSION}; type: pip install -U qwen-ocr-loader, "
            f"or give another folder: cache=FOLDER"
        )


def _is_new(database: sqlite3.Connection) -> bool:
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    return not tables and not application


def _switch_to_wal(database: sqlite3.Connection) -> None:
    """SQLite does not wait by itself for others who are opening the file to do the same."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
            time.sleep(0.01)
        else:
            return


def _primary(error: sqlite3.Error) -> int:
    """SQLite's code, without what extends it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_ALL_LOCK = threading.RLock()
_ALL: WeakSet[SqliteCache] = WeakSet()
_frozen: list[SqliteCache] = []


def _before_fork() -> None:
    """A connection must not be carried over a fork (sqlite.org/howtocorrupt.html, 2.6): close them all, in peace."""
    _ALL_LOCK.acquire()
    for cache in list(_ALL):
        cache.freeze()
        _frozen.append(cache)


def _after_fork() -> None:
    while _frozen:
        _frozen.pop().thaw()
    _ALL_LOCK.release()


with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
