"""Documents as a Dataset of Ray's: listed, cut into pages, and read by a pool of actors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Unpack

from ..errors import EmptySource
from .listing import ListPages, done_pages, list_files, refuse_done
from .reading import ReadPages
from .settings import as_arguments, check_keys, cluster_options, is_remote, warn_of_paying_twice

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ray.data import ActorPoolStrategy, Dataset

    from ..options import OptionArgs, Options

FILES_A_TASK = 64
"""Files that one task counts the pages of."""
LISTING_CPUS = 0.25
"""Of a task that does so: mostly it waits for a disk or a network."""
WAITING_CPUS = 0.5
"""Of an actor whose engine is behind a network: it renders and encodes some pages a second, and waits."""
TASK_CPUS = 1.0
"""Of the tasks of Ray's own, which cut blocks and write files: one at a time at least."""
BATCHES = 4
"""Pages an actor is given at a time, for each that it may have in flight: the last ones of a batch are waited for."""
LEAST_BATCH = 16


def read_documents(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    actors: int | tuple[int, int] | None = None,
    num_cpus: float | None = None,
    batch_size: int | None = None,
    done: str | os.PathLike[str] | None = None,
    **options: Unpack[OptionArgs],
) -> Dataset:
    """Read documents on a Ray cluster: a Dataset with a row a page, whose columns are those of ``page_schema``.

    It is lazy, as Datasets are: it is read when it is written, or looked at, and once more for the next use. With
    ``cache=`` nothing is paid for twice, whether it is read again, a worker dies, or all of it is begun anew. Rows come
    in no order. What goes between processes is places and text, never pictures.

    Args:
        paths: Files and folders that all machines see, http(s) and fsspec URLs; one, or several.
        actors: Processes that read, each up to ``concurrency`` pages at a time; (least, most) for a pool that grows and
            shrinks; None to leave it to Ray.
        num_cpus: What Ray sets aside for each: by default 1 where the engine computes there, else half of one, and less
            where that would leave none of the cluster to the tasks before and after them, which then never end.
        batch_size: Pages an actor is given at a time, which is what a dead one's successor looks at again.
        done: Parquet files that an earlier run wrote: pages with a row there, and no error in it, are left out. A page
            counts as the same where content and all options that change the text are. Not with ``pages_per_call``
            above 1.
        **options: As in ``Options``, with these differences: ``cache`` is a folder that all machines see, for a
            ``DirectoryCache``, an fsspec URL, such as ``"s3://bucket/cache"``, a Redis server's, such as
            ``"redis://host:6379/0"``, a cache, or a LangChain byte store that pickles; ``fs`` may be one of pyarrow's;
            ``rate_limit`` holds for all actors together; ``mode``, ``metadata``, ``on_error``, ``max_cost``,
            ``show_progress`` and ``on_page`` are as they are.

    Raises:
        TypeError: An unknown option, or a source that only this process has.
        ValueError: A value that no option takes, or none on a cluster; ``done`` where several pages are read as one;
            more actors than there are CPUs for.
        EmptySource: There are no paths.
        MissingKey: A key was passed in code: it stays in this process. It belongs in the environment, on all machines:
            ``ray.init(runtime_env={"env_vars": {"DASHSCOPE_API_KEY": ...}})``.
    """
    import ray.data

    shared = cluster_options(options)
    if done is not None:
        refuse_done(shared)
    check_keys(shared)
    warn_of_paying_twice(shared)
    files = [file._asdict() for file in list_files(paths, shared)]
    if not files:
        raise EmptySource("there are no paths; give one or more")
    at_a_time = batch_size or max(LEAST_BATCH, BATCHES * shared.concurrency if is_remote(shared) else LEAST_BATCH)
    arguments = as_arguments(shared)
    counting = ListPages(None if done is None else done_pages(done), **arguments)
    found = ray.data.from_items(files, override_num_blocks=math.ceil(len(files) / FILES_A_TASK))
    pages = found.map_batches(counting, batch_size=FILES_A_TASK, num_cpus=LISTING_CPUS)
    return pages.repartition(target_num_rows_per_block=at_a_time).map_batches(
        ReadPages,
        fn_constructor_kwargs=arguments,
        batch_size=at_a_time,
        num_cpus=_cpus_wanted(actors, shared) if num_cpus is None else num_cpus,
        compute=_pool(actors),
    )


def _cpus_wanted(actors: int | tuple[int, int] | None, options: Options) -> float:
    import ray

    wanted = WAITING_CPUS if is_remote(options) else 1.0
    return cpus_each(actors, wanted, ray.cluster_resources().get("CPU", 0.0))


def cpus_each(actors: int | tuple[int, int] | None, wanted: float, there: float) -> float:
    """CPUs of each actor, on a cluster that has so many.

    Tasks list the files and write the rows. Where a fixed pool has all CPUs, Ray waits for ever, without a word.

    Raises:
        ValueError: There are not enough for all actors.
    """
    least = actors[0] if isinstance(actors, tuple) else actors or 1
    if least * wanted <= there - TASK_CPUS:
        return wanted
    share = max(0.0, math.floor(100 * (there - TASK_CPUS) / least) / 100)
    if least * wanted <= there:
        return share
    raise ValueError(
        f"actors={actors}: at {wanted:g} CPUs each they want more than the {there:g} that Ray has; "
        f"give num_cpus={share:g}, or num_cpus={wanted:g} where the cluster will grow"
    )


def _pool(actors: int | tuple[int, int] | None) -> ActorPoolStrategy:
    from ray.data import ActorPoolStrategy

    if isinstance(actors, tuple):
        return ActorPoolStrategy(min_size=actors[0], max_size=actors[1])
    return ActorPoolStrategy(size=actors)
