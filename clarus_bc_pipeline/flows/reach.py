"""Whether a store's two systems can be reached, as findings that open on failure and resolve by an answer.

What belongs here: what a failed call means for the whole store. What does not: one push's failure (`delivering.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import AuthFailed, CallFailed
from clarus_bc_pipeline.ledger.findings import record_findings

SCOPE = "reach"
MOST_SKEW_SECONDS = 60
ASKED_TO_WAIT = (423, 429)  # the vendor is there, and busy


@contextmanager
def watched(store: Store) -> Iterator[None]:
    """Around work on an open store: a vendor that fails it becomes a finding, one that answers again resolves it."""
    try:
        yield
    except CallFailed as error:
        record_reach(store, error)
        raise
    record_reach(store)


def record_reach(store: Store, failure: CallFailed | None = None) -> None:
    """Bring the findings about the two systems in line with the calls made since the last time, and their `failure`."""
    findings = [*_failure(failure), *_clock(store)]
    examined = set()
    for contact in (store.shop.contact, store.warehouse.contact):
        if answered := contact.answered():
            examined |= {contact.system, *(f"{contact.system}: {operation}" for operation in answered)}
    if store.shop.contact.clock_ahead is not None:
        examined.add(_CLOCK)
    with store.engine.begin() as connection:
        record_findings(connection, store=store.key, scope=SCOPE, findings=findings, examined=examined, now=store.now())


_CLOCK = "clock of BigCommerce"


def _failure(error: CallFailed | None) -> list[Finding]:
    if error is None or not error.system or error.status in ASKED_TO_WAIT:
        return []
    if isinstance(error, AuthFailed):
        # A scope that is missing for one thing does not mend itself when another is answered.
        missing_scope = error.status == 403
        subject = f"{error.system}: {error.operation}" if missing_scope else error.system
        return [Finding("auth_failed", subject, f"{error.system} does not accept our credentials. {error}")]
    return [Finding("out_of_reach", error.system, f"{error.system} cannot be reached. {error}")]


def _clock(store: Store) -> list[Finding]:
    ahead = store.shop.contact.clock_ahead
    if ahead is None or abs(ahead.total_seconds()) <= MOST_SKEW_SECONDS:
        return []
    minutes = max(1, round(abs(ahead.total_seconds()) / 60))  # whole, so that the words stay the same
    return [
        Finding(
            "clock_skew",
            _CLOCK,
            f"BigCommerce's clock is about {minutes} min {'ahead of' if ahead.total_seconds() > 0 else 'behind'} this "
            f"machine's; they should differ by less than {MOST_SKEW_SECONDS} s.",
            evidence={"seconds": round(ahead.total_seconds())},
        )
    ]
