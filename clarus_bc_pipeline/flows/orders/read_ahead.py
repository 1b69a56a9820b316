"""Read the next pages while the last are being stored.

What belongs here: one thread, and handing over. What does not: what a page is.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


def read_ahead(pages: Iterable[T], *, most: int) -> Generator[list[T], None, None]:
    """What has come since the last turn, in order: a page when reading is the slower side, up to `most` when it is not.

    `pages` is read from a thread of its own. What it raises is raised here, after the pages before it were given out.
    A caller that stops early waits for the page that is being read, and the rest is not read.
    """
    desk: _Desk[T] = _Desk(most)
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        reading = thread.submit(desk.fill, pages)
        try:
            while batch := desk.take():
                yield batch
        finally:
            desk.close()
        reading.result()


@dataclass
class _Desk(Generic[T]):
    """Where the reader lays pages down and the caller takes them up."""

    most: int
    pages: list[T] = field(default_factory=list)
    is_complete: bool = False
    is_closed: bool = False
    moved: threading.Condition = field(default_factory=threading.Condition)

    def fill(self, pages: Iterable[T]) -> None:
        try:
            for page in pages:
                with self.moved:
                    self.moved.wait_for(lambda: self.is_closed or len(self.pages) < self.most)
                    if self.is_closed:
                        return
                    self.pages.append(page)
                    self.moved.notify_all()
        finally:
            with self.moved:
                self.is_complete = True
                self.moved.notify_all()

    def take(self) -> list[T]:
        """All that lies there, as soon as anything does; [] at the end."""
        with self.moved:
            self.moved.wait_for(lambda: self.pages or self.is_complete)
            taken, self.pages = self.pages, []
            self.moved.notify_all()
            return taken

    def close(self) -> None:
        with self.moved:
            self.is_closed = True
            self.moved.notify_all()
