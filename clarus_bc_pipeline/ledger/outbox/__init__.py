"""The outbox: every write to the other systems, exactly once in effect.

    pending -> sending -> delivered
               sending -> ambiguous -> (read back) -> delivered | pending
               sending -> parked        (refused for good: needs a person)
    pending | parked -> superseded     (a newer one has made it pointless)

What belongs here: queueing, leasing, the calls' outcomes, and what people do to a push. What does not: any
vendor's API. A flow hands in how a kind is sent and how it is read back (`Delivery`).
"""

from clarus_bc_pipeline.ledger.outbox.deliver import deliver_due
from clarus_bc_pipeline.ledger.outbox.delivery import ClaimedPush, Delivery, DeliveryReport, Outcome, Receipt
from clarus_bc_pipeline.ledger.outbox.person import (
    Attempt,
    PushNotMovable,
    PushRow,
    list_pushes,
    park_push,
    push_history,
    retry_push,
)
from clarus_bc_pipeline.ledger.outbox.queue import due_mark, enqueue, supersede
from clarus_bc_pipeline.ledger.outbox.watch import outbox_findings

__all__ = [
    "Attempt",
    "ClaimedPush",
    "Delivery",
    "DeliveryReport",
    "Outcome",
    "PushNotMovable",
    "PushRow",
    "Receipt",
    "deliver_due",
    "due_mark",
    "enqueue",
    "list_pushes",
    "outbox_findings",
    "park_push",
    "push_history",
    "retry_push",
    "supersede",
]
