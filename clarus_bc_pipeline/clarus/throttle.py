"""Waiting when Clarus asks for it, all threads of a store together.

What belongs here: when the next call may start. What does not: recognising a throttled reply (`replies.py`).

Clarus documents no rate limit and no 429, so nothing is counted beforehand: a throttled reply opens a
pause, the next one in a row a longer one, and a good reply ends the row.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


class Throttle:
    """The pause shared by all calls of one client. Thread-safe. `clock` and `sleep` are in seconds."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self._in_a_row = 0

    def wait(self, patience: float) -> float | None:
        """Wait out the pause: None, or the seconds still to go when they are more than `patience`; then do
        not call.
        """
        with self._lock:
            left = self._quiet_until - self._clock()
        if left > patience:
            return left
        if left > 0:
            self._sleep(left)
        return None

    def throttled(self, retry_after: float | None) -> float:
        """A reply asked to wait: pause for `retry_after`, or twice as long as the last time. Returns the
        pause.
        """
        with self._lock:
            self._in_a_row += 1
            if retry_after is None:
                pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (self._in_a_row - 1), LONGEST_PAUSE_SECONDS)
                pause *= random.uniform(1.0, 1.2)  # noqa: S311 - spreads workers, guards nothing
            else:
                pause = retry_after
            self._quiet_until = max(self._quiet_until, self._clock() + pause)
            return pause

    def went_well(self) -> None:
        with self._lock:
            self._in_a_row = 0
