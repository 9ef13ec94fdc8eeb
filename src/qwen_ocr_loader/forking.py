"""What a forked process can go on with, whatever its parent's other threads held: they do not exist in it.

The locks of Python's own imports stay held where a thread was importing at that moment: fork before a thread of yours
begins to read its first page, or once it has read it.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

T = TypeVar("T")


class Renewed(ABC):
    """Begins anew in a forked child: ``start()`` is called when it is made, and there."""

    def __init__(self) -> None:
        self.start()
        _ALL.add(self)

    @abstractmethod
    def start(self) -> None:
        """Be as new, whatever is under way."""


class Lock(Renewed):
    """A ``threading.Lock`` for ``with``, open in a forked child whoever held it in the parent."""

    def start(self) -> None:
        """Be held by nobody."""
        self._lock = threading.Lock()  # noqa: TID251 - the one

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):  # its holder has forked, and this is the child
            self._lock.release()


class cached_property(Generic[T]):  # noqa: N801 - a decorator
    """``functools.cached_property`` as it is from Python 3.12 on.

    That of 3.11 has a lock for each property, which all objects share: they wait for each other, and a forked child for
    a thread that it has not got. Two threads may both work out the value here; either's is kept.
    """

    def __init__(self, work: Callable[[Any], T]) -> None:
        self.work = work
        self.__doc__ = work.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type) -> T: ...

    def __get__(self, owner: object | None, kind: type) -> Self | T:
        if owner is None:
            return self
        value = owner.__dict__[self.name] = self.work(owner)
        return value


_ALL: WeakSet[Renewed] = WeakSet()


def _forked() -> None:
    for one in list(_ALL):
        one.start()


with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_forked)
