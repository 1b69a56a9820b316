"""The store's quota of calls, as its reply headers tell it, shared out among our own threads by priority.

What belongs here: when a call may start. What does not: making the call (`client.py`).

BigCommerce counts calls of all apps of a store in windows (api-rate-limits page: X-Rate-Limit-Time-Window-Ms,
-Time-Reset-Ms, -Requests-Quota, -Requests-Left). Nothing about them is assumed: until a first reply has shown
the headers, one call probes and the others wait for it. `Window` is the arithmetic, without clock or threads;
`Quota` is the queue in front of it.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from clarus_bc_pipeline.decisions.pushes import Priority

LONGEST_BACKOFF_SECONDS = 60.0
ROUNDING_SECONDS = 0.002  # the headers are whole milliseconds
READS_LEAVE = 0.05  # reads stop at the last twentieth of a window, so that a shipment need not wait for the next one


class QuotaExhausted(Exception):
    """The call did not start within the time that its caller would wait. `retry_after` in seconds."""

    def __init__(self, waited: float, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(f"waited {waited:.0f} s for the store's quota; next try in {retry_after:.0f} s")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The four headers of one reply; times in seconds."""

    quota: int
    left: int
    reset: float
    window: float

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> RateLimit | None:
        """The limit that the headers tell, or None without them (an unmetered store, or platform load)."""
        try:
            return cls(
                quota=int(headers["X-Rate-Limit-Requests-Quota"]),
                left=int(headers["X-Rate-Limit-Requests-Left"]),
                reset=int(headers["X-Rate-Limit-Time-Reset-Ms"]) / 1000,
                window=int(headers["X-Rate-Limit-Time-Window-Ms"]) / 1000,
            )
        except (KeyError, ValueError):
            return None


@dataclass(slots=True)
class Window:
    """What is known of the present window. Every `now` is seconds of one monotonic clock; not thread-safe.

    A reply's reset lies between (sent + reset) and (received + reset): the two bounds tell whether a late
    reply speaks of this window, of the last one, or of one that has begun meanwhile.
    """

    share: float = 1.0
    known: bool = False  # a reply has shown the headers
    unmetered: bool = False  # a good reply came without them: nothing to count
    quota: int = 0
    length: float = 0.0
    started: int = 0  # our calls of this window
    in_flight: int = 0
    at_most: int = 0  # calls left if the server has counted all of ours in flight
    at_least: int = 0  # calls left if it has counted none of them
    reset_from: float = 0.0
    reset_until: float = 0.0
    guessed: bool = False  # reset_until is from the clock alone: no reply of this window has come yet
    blocked_until: float = 0.0
    throttled: int = 0  # 429s in a row

    def wait(self, now: float, priority: Priority = Priority.SHIPMENT) -> float | None:
        """Seconds until a call of this priority may start: 0 for now, None for "when a reply arrives"."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if not self.known:
            return 0.0 if self.unmetered or self.in_flight == 0 else None
        if now >= self.reset_until:
            self._roll(now)
        allowance = max(1, int(self.quota * self.share + 1e-9))
        reserve = int(allowance * READS_LEAVE) if priority is Priority.READ else 0
        if self.started + reserve >= allowance or self.at_most <= reserve:
            return self.reset_until - now
        if self.at_least > reserve or self.in_flight == 0:
            return 0.0
        return None  # what is in flight may have used the last ones: its replies will tell

    def start(self) -> None:
        """Count a call as begun."""
        self.in_flight += 1
        self.started += 1
        self.at_most -= 1
        self.at_least -= 1

    def finish(self, *, sent: float, now: float, limit: RateLimit | None, status: int | None) -> None:
        """Count a call as ended. `status` is None when no reply came."""
        self.in_flight -= 1
        if limit is not None:
            self._learn(limit, sent, now)
        elif status is not None and status < 300 and not self.known:
            self.unmetered = True
        if status == 429:
            self._throttle(now, limit)
        elif status is not None and status < 500:
            self.throttled = 0

    def _learn(self, limit: RateLimit, sent: float, now: float) -> None:
        earliest, latest = sent + limit.reset, now + limit.reset + ROUNDING_SECONDS
        if self.known and latest < self.reset_from:
            return  # a late reply about the window before
        self.length, self.quota = limit.window, limit.quota
        if not self.known or earliest > self.reset_until:
            self.known, self.unmetered = True, False
            self.started = self.in_flight + 1
            self.at_most = limit.left
            self.reset_from, self.reset_until = earliest, latest
        else:
            self.reset_from = max(self.reset_from, earliest)
            self.reset_until = latest if self.guessed else min(self.reset_until, latest)
        self.guessed = False
        self.at_most = min(self.at_most, limit.left)
        self.at_least = min(self.at_most, limit.left - self.in_flight)

    def _roll(self, now: float) -> None:
        """Begin the next window. Calls still in flight may be counted there, so they are."""
        self.started = self.in_flight
        self.at_most = self.at_least = self.quota - self.in_flight
        # 0.9: a late reply of the old window must fall before this bound, one of the new window after it.
        self.reset_from = max(self.reset_from + 0.9 * self.length, now)
        self.reset_until, self.guessed = now + self.length + ROUNDING_SECONDS, True

    def _throttle(self, now: float, limit: RateLimit | None) -> None:
        self.throttled += 1
        if limit is not None:
            self.at_most = self.at_least = 0
            repeated = self.throttled - 1  # the first one waits for the reset and no longer
            extra = 0.0 if repeated == 0 else 2.0 ** (repeated - 1)
            self.blocked_until = max(
                self.blocked_until, now + limit.reset + ROUNDING_SECONDS + min(extra, LONGEST_BACKOFF_SECONDS)
            )
        else:
            pause = min(LONGEST_BACKOFF_SECONDS, 2.0 ** (self.throttled - 1))
            jitter = random.uniform(1.0, 1.25)  # noqa: S311 - spreads retries, guards nothing
            self.blocked_until = max(self.blocked_until, now + pause * jitter)


@dataclass(slots=True)
class Call:
    """One call in flight; `client.py` fills in what its reply said."""

    sent: float
    limit: RateLimit | None = None
    status: int | None = None


@dataclass
class Quota:
    """The queue in front of the quota: thread-safe, by priority, then first come first served.

    `clock` gives seconds of a monotonic clock; `pause(condition, seconds)` waits on the held condition for at
    most that time (None: until notified). Both are there for tests to replace.
    """

    share: float = 1.0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[threading.Condition, float | None], object] = threading.Condition.wait
    window: Window = field(init=False)

    def __post_init__(self) -> None:
        self.window = Window(share=self.share)
        self._changed = threading.Condition()
        self._queue: list[tuple[int, int]] = []
        self._tickets = itertools.count()

    @property
    def left(self) -> int | None:
        """Calls that the store has left in this window for all its apps, or None while nothing is known."""
        with self._changed:
            return max(0, self.window.at_most) if self.window.known else None

    @property
    def quota(self) -> int | None:
        """Calls a window for all apps of the store, or None while nothing is known."""
        with self._changed:
            return self.window.quota if self.window.known else None

    @property
    def waiting(self) -> int:
        """Calls of ours that wait for their turn."""
        with self._changed:
            return len(self._queue)

    @contextmanager
    def call(self, priority: Priority, *, patience: float) -> Iterator[Call]:
        """Wait for a turn, hold it while the caller makes one call.

        Raises `QuotaExhausted` after `patience` s.
        """
        ticket = (int(priority), next(self._tickets))
        with self._changed:
            self._await_turn(ticket, priority, patience)
            self.window.start()
            self._changed.notify_all()
        made = Call(self.clock())
        try:
            yield made
        finally:
            with self._changed:
                self.window.finish(sent=made.sent, now=self.clock(), limit=made.limit, status=made.status)
                self._changed.notify_all()

    def _await_turn(self, ticket: tuple[int, int], priority: Priority, patience: float) -> None:
        began = self.clock()
        heapq.heappush(self._queue, ticket)
        try:
            while True:
                now = self.clock()
                wait = self.window.wait(now, priority) if self._queue[0] == ticket else None
                if wait == 0.0:
                    return
                remaining = began + patience - now
                if remaining <= 0:
                    reset = self.window.wait(now, priority)
                    raise QuotaExhausted(now - began, 1.0 if reset is None else reset)
                self.pause(self._changed, remaining if wait is None else min(wait, remaining))
        finally:
            self._queue.remove(ticket)
            heapq.heapify(self._queue)
            self._changed.notify_all()
