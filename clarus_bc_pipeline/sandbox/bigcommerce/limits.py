"""The store's quota of calls in the double: fixed windows, counted for all apps together."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class StoreQuota:
    """`quota` calls in each window of `window_seconds`; windows follow one another without a gap.

    `spend` is what another app of the store would take.
    """

    quota: int = 150
    window_seconds: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _used: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._lock = threading.Lock()

    def take(self) -> tuple[bool, dict[str, str]]:
        """Count a call. Returns whether it is within the quota, and the headers of its reply."""
        with self._lock:
            now = self._turn()
            allowed = self._used < self.quota
            self._used += allowed
            return allowed, self._headers(now)

    def spend(self, calls: int) -> None:
        """Take calls as another app does."""
        with self._lock:
            self._turn()
            self._used = min(self.quota, self._used + calls)

    def headers(self) -> dict[str, str]:
        with self._lock:
            return self._headers(self._turn())

    def _turn(self) -> float:
        now = self.clock()
        windows = math.floor((now - self._began) / self.window_seconds)
        if windows > 0:
            self._began += windows * self.window_seconds
            self._used = 0
        return now

    def _headers(self, now: float) -> dict[str, str]:
        reset = self._began + self.window_seconds - now
        return {
            "X-Rate-Limit-Time-Window-Ms": str(round(self.window_seconds * 1000)),
            "X-Rate-Limit-Time-Reset-Ms": str(max(0, math.ceil(reset * 1000))),
            "X-Rate-Limit-Requests-Quota": str(self.quota),
            "X-Rate-Limit-Requests-Left": str(self.quota - self._used),
        }
