"""A progress bar, one tick a page: tqdm in a terminal or a notebook, nothing where it is not wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


def _bar_class() -> Any:
    """Notebook widgets where they can be drawn, else text: ``tqdm.auto`` warns where ipywidgets is missing."""
    from importlib.util import find_spec

    if find_spec("ipywidgets") is None:
        from tqdm.std import tqdm
    else:
        from tqdm.auto import tqdm
    return tqdm


class Progress:
    """Counts pages; as a context, shows itself from the first page on and goes away at the end.

    Args:
        shown: Whether anything is drawn; tqdm is imported only then.
    """

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None
        self._files = 0

    def __enter__(self) -> Self:
        return self

    def expect(self, pages: int) -> None:
        """A file was opened, and so many of its pages will come.

        The total is shown for one file only: of a folder nobody knows it before the last file is open, and a bar that
        runs backwards helps nobody.
        """
        if not self._shown:
            return
        self._files += 1
        if self._bar is None:
            self._bar = _bar_class()(total=pages, unit="page", desc="Reading")
            return
        self._bar.total = None

    def tick(self, pages: int = 1, *, cached: int = 0, failed: int = 0, cost: str = "") -> None:
        """So many pages are done, or have failed.

        Args:
            pages: More than before.
            cached, failed: In all, so far.
            cost: Money so far, as it is to be shown.
        """
        if self._bar is None:
            return
        told = {"file": self._files if self._files > 1 else 0, "cached": cached, "failed": failed, "cost": cost}
        self._bar.set_postfix_str(", ".join(f"{name} {value}" for name, value in told.items() if value), refresh=False)
        self._bar.update(pages)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
