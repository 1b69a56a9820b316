"""Delivering a flow's pushes, and saying what did not go.

What belongs here: one run of the outbox with the findings that follow from it. What does not: how a kind is sent (each
flow's `deliveries.py`) or retried (`ledger/outbox`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import Delivery, DeliveryReport, deliver_due, outbox_findings

# A cancellation that Clarus refuses is the orders flow's finding: manual_cancel_needed.
TOLD_BY_FLOW = ("goods_out_cancel",)


def deliver_now(
    store: Store,
    deliveries: Sequence[Delivery],
    *,
    system: str,
    until: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> DeliveryReport:
    """Deliver what is due of these kinds, then open and resolve the findings about this store's pushes."""
    settings = store.settings.outbox
    report = deliver_due(
        store.engine,
        store=store.key,
        deliveries=deliveries,
        settings=settings,
        now=store.now,
        worker=store.actor,
        until=until,
        progress=progress,
    )
    refused = [Finding("auth_failed", system, f"{system}: {report.auth_failed}")] if report.auth_failed else []
    now = store.now()
    with store.engine.begin() as connection:
        outbox_findings(connection, store=store.key, settings=settings, now=now, told_by_flow=TOLD_BY_FLOW)
        if refused or report.attempted:
            record_findings(connection, store=store.key, scope="sign in", findings=refused, examined=[system], now=now)
    return report
