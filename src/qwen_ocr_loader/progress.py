"""A progress bar, one tick a page: tqdm in a terminal or a notebook, nothing where it is not wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


class Progress:
    """Counts pages; as a context, shows itself from the first page on and goes away at the end.

    Args:
        shown: Whether anything is drawn; tqdm is imported only then.
    """

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None
        self._expected = 0

    def __enter__(self) -> Self:
        return self

    def expect(self, pages: int) -> None:
        """So many more pages will come: the total grows with each file that is opened."""
        if not self._shown:
            return
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=0, unit="page", desc="Reading")
        self._bar.total += pages
        self._bar.refresh()

    def tick(self) -> None:
        """One page is done, or has failed."""
        if self._bar is not None:
            self._bar.update()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
