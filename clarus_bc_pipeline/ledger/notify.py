"""Wake a sleeping worker: LISTEN and NOTIFY on one channel.

What belongs here: hints that something has changed. What does not: the change itself. A hint may be lost
(nobody was listening), so whoever sleeps on hints also wakes by the clock.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

import psycopg
import sqlalchemy as sa

CHANNEL = "clarus_bc"


def notify(connection: sa.Connection, *, store: str) -> None:
    """Hint, when the caller's transaction commits, that something of the store has changed."""
    connection.execute(sa.select(sa.func.pg_notify(CHANNEL, store)))


def wait_for(engine_or_url: sa.Engine | str, timeout: float, *, store: str | None = None) -> bool:
    """Whether a hint (about `store`, where it is given) came within `timeout` seconds.

    A thread's first call opens a connection that goes on listening, so that hints between its calls are not
    lost. Raises psycopg's `OperationalError` when the server goes away; the next call connects anew.
    """
    address = _address(engine_or_url)
    listeners: dict[str, Listener] = _of_thread.__dict__.setdefault("listeners", {})
    try:
        hints = listeners.get(address) or listeners.setdefault(address, Listener(address))
        return hints.wait(timeout, store=store)
    except psycopg.OperationalError:
        if broken := listeners.pop(address, None):
            broken.close()
        raise


class Listener:
    """Hears every hint from its opening to its closing, on a connection of its own."""

    def __init__(self, engine_or_url: sa.Engine | str) -> None:
        self._connection = psycopg.connect(
            _address(engine_or_url), autocommit=True, application_name="clarus_bc listener"
        )
        self._connection.execute(f"LISTEN {CHANNEL}")

    def wait(self, timeout: float, *, store: str | None = None) -> bool:
        """True as soon as there is a hint (about `store`, where it is given), False after `timeout`
        seconds."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            for hint in self._connection.notifies(timeout=left, stop_after=1):
                if store is None or hint.payload == store:
                    return True
        return False

    def close(self) -> None:
        """Stop listening."""
        self._connection.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_of_thread = threading.local()


def _address(engine_or_url: sa.Engine | str) -> str:
    url = engine_or_url.url if isinstance(engine_or_url, sa.Engine) else sa.make_url(engine_or_url)
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
