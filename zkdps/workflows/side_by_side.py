"""Calls of a back end side by side, from threads: the work itself happens in its processes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from zkdps.core.prover import Prover

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_order(
    prover: Prover, work: Callable[[Item], Made], items: Sequence[Item]
) -> Generator[Callable[[], Made], None, None]:
    """For each item, in order, a function that waits for its result or raises what `work` did.

    Where the back end serves one call at a time, the work is done when it is asked for.  Close the
    generator when something fails: that ends the processes behind what nobody waits for any more.
    """
    if prover.jobs == 1 or len(items) == 1:
        for item in items:
            yield lambda item=item: work(item)  # type: ignore[misc]
        return
    with _started(prover, work, items) as futures:
        for future in futures:
            yield future.result


def as_finished(
    prover: Prover, work: Callable[[Item], Made], items: Sequence[Item]
) -> Generator[tuple[Item, Callable[[], Made]], None, None]:
    """As `in_order`, each item as soon as its result is there; alone, in order."""
    if prover.jobs == 1 or len(items) == 1:
        yield from zip(items, in_order(prover, work, items), strict=True)
        return
    with _started(prover, work, items) as futures:
        of = dict(zip(futures, items, strict=True))
        for future in as_completed(futures):
            yield of[future], future.result


@contextmanager
def _started(
    prover: Prover, work: Callable[[Item], Made], items: Sequence[Item]
) -> Iterator[list[Future[Made]]]:
    threads = ThreadPoolExecutor(prover.jobs, "zkdps-call")
    try:
        yield [threads.submit(work, item) for item in items]
    except BaseException:
        # Nobody will ask for the rest: end the processes that the threads wait for.
        threads.shutdown(wait=False, cancel_futures=True)
        prover.close()
        raise
    finally:
        threads.shutdown(cancel_futures=True)
