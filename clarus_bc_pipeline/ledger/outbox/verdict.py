"""What becomes of a push after its call: pure rules over the taxonomy of `http.py`.

What belongs here: the next state, how long to wait, and the words for a person. What does not: I/O of any
kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clarus_bc_pipeline.decisions.pushes import PushState
from clarus_bc_pipeline.http import AuthFailed, CallFailed, Gone, NotApplied, redacted
from clarus_bc_pipeline.ledger.outbox.delivery import ClaimedPush, Delivery, Outcome, Receipt
from clarus_bc_pipeline.settings import OutboxSettings

# One read-back may come before a late apply; two, a settling time apart, are taken as "not there".
MISSES_ALLOWED = 2


@dataclass(frozen=True, slots=True)
class Note:
    """One call, for `push_attempt`."""

    outcome: str  # delivered | not_applied | ambiguous | refused | auth | gone | found | missed
    http_status: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The row that a claim leaves. `wait` is in seconds until the next attempt; None where there is none."""

    outcome: Outcome
    state: PushState
    call: Note
    read_back: Note | None = None  # the look that followed a refusal
    receipt: Receipt | None = None
    failures: int = 0
    misses: int = 0
    wait: float | None = None
    last_error: str | None = None
    auth_failed: str | None = None


@dataclass(frozen=True)
class Rules:
    """The rules under one store's settings. `jitter` gives a number between 0 and 1."""

    settings: OutboxSettings
    jitter: Callable[[], float]

    def sent(self, receipt: Receipt) -> Verdict:
        """The other system accepted the write."""
        return Verdict(Outcome.DELIVERED, PushState.DELIVERED, Note("delivered"), receipt=receipt)

    def not_sent(self, push: ClaimedPush) -> Verdict:
        """The worker slept through most of its lease and so did not call at all."""
        words = "not sent: the worker came too late in its lease"
        return self._again(push, Note("not_applied", detail=words), words, wait=0.0)

    def send_failed(self, push: ClaimedPush, error: Exception) -> Verdict:
        """The send raised anything but `Refused`."""
        words, status = _words(error), _status(error)
        match error:
            case NotApplied():
                return self._again(push, Note("not_applied", status, words), words, wait=error.retry_after)
            case AuthFailed():
                return self._again(push, Note("auth", status, words), words, auth_failed=words)
            case Gone():
                return self._parked(push, Note("gone", status, words), words)
            case _:  # Ambiguous, or a fault of ours that may have come after the call
                return self._unknown(push, Note("ambiguous", status, words), words, misses=0)

    def refused(self, push: ClaimedPush, refusal: CallFailed, found: Receipt | Exception | None) -> Verdict:
        """A 4xx, and the one look that follows: it may be the echo of our own earlier success."""
        words = _words(refusal)
        call = Note("refused", refusal.status, words)
        if isinstance(found, Receipt):
            return Verdict(Outcome.ADOPTED, PushState.DELIVERED, call, read_back=Note("found"), receipt=found)
        if found is None:
            return self._parked(push, call, words, read_back=Note("missed"))
        look = Note("ambiguous", _status(found), _words(found))
        auth = _words(found) if isinstance(found, AuthFailed) else None
        return self._unknown(push, call, f"{words}; {_words(found)}", misses=0, read_back=look, auth_failed=auth)

    def found(self, receipt: Receipt) -> Verdict:
        """The read-back saw the write."""
        return Verdict(Outcome.ADOPTED, PushState.DELIVERED, Note("found"), receipt=receipt)

    def missed(self, push: ClaimedPush, delivery: Delivery) -> Verdict:
        """The read-back looked and did not see it."""
        misses, call = push.misses + 1, Note("missed")
        nothing_was_sent = delivery.adopt_only and push.attempts == 0
        if misses < MISSES_ALLOWED and not nothing_was_sent:
            words = f"not found {misses} time(s)"
            return Verdict(
                Outcome.AMBIGUOUS, PushState.AMBIGUOUS, call, failures=push.failures, misses=misses,
                wait=float(self.settings.settle_seconds), last_error=words,
            )  # fmt: skip
        if push.remote_id is not None:
            words = f"accepted as {push.remote_id}, and not to be found there any more"
            return self._parked(push, call, words, misses=misses)
        if delivery.person_after_misses:
            words = f"not found {misses} times after a call without an answer; look there before it is sent again"
            return self._parked(push, call, words, misses=misses)
        wait = float(self.settings.settle_seconds) if delivery.adopt_only else 0.0
        return Verdict(
            Outcome.RETRIED, PushState.PENDING, call, failures=push.failures, wait=wait,
            last_error=f"not found {misses} time(s), so it was not applied",
        )  # fmt: skip

    def look_failed(self, push: ClaimedPush, error: Exception) -> Verdict:
        """The read-back itself failed: still nobody knows."""
        words, status = _words(error), _status(error)
        if isinstance(error, Gone):
            return self._parked(push, Note("gone", status, words), words, misses=push.misses)
        auth = words if isinstance(error, AuthFailed) else None
        note = Note("auth" if auth else "ambiguous", status, words)
        return self._unknown(push, note, words, misses=push.misses, auth_failed=auth)

    def unrecorded(self, push: ClaimedPush, receipt: Receipt, error: Exception) -> Verdict:
        """The write is there, but keeping what it made true failed on our side. It is never sent again by
        itself."""
        words = f"accepted as {receipt.remote_id}, but not recorded: {_words(error)}"
        verdict = self._unknown(push, Note("ambiguous", detail=words), words, misses=0)
        return Verdict(
            verdict.outcome, verdict.state, verdict.call, receipt=receipt, failures=verdict.failures,
            wait=verdict.wait, last_error=words,
        )  # fmt: skip

    def _again(
        self,
        push: ClaimedPush,
        call: Note,
        words: str,
        *,
        wait: float | None = None,
        auth_failed: str | None = None,
    ) -> Verdict:
        return Verdict(
            Outcome.RETRIED, PushState.PENDING, call, failures=push.failures + 1,
            wait=self._back_off(push.failures) if wait is None else max(0.0, wait),
            last_error=words, auth_failed=auth_failed,
        )  # fmt: skip

    def _unknown(
        self, push: ClaimedPush, call: Note, words: str, *, misses: int, read_back: Note | None = None,
        auth_failed: str | None = None,
    ) -> Verdict:  # fmt: skip
        # A read-back that keeps failing is asked for less and less often; the first one comes after settling.
        wait = max(float(self.settings.settle_seconds), self._back_off(push.failures) if push.is_read_back else 0.0)
        return Verdict(
            Outcome.AMBIGUOUS, PushState.AMBIGUOUS, call, read_back=read_back, failures=push.failures + 1,
            misses=misses, wait=wait, last_error=words, auth_failed=auth_failed,
        )  # fmt: skip

    def _parked(
        self, push: ClaimedPush, call: Note, words: str, *, misses: int = 0, read_back: Note | None = None
    ) -> Verdict:
        return Verdict(
            Outcome.PARKED, PushState.PARKED, call, read_back=read_back, failures=push.failures + 1,
            misses=misses, last_error=words,
        )  # fmt: skip

    def _back_off(self, failures: int) -> float:
        """Exponential with full jitter, so that stores and workers do not come back all at once."""
        ceiling = min(self.settings.longest_retry_seconds, self.settings.first_retry_seconds * 2.0 ** min(failures, 30))
        return ceiling * self.jitter()


def _words(error: Exception) -> str:
    if isinstance(error, CallFailed):
        return str(error)
    return f"{type(error).__name__}: {redacted(str(error))}"


def _status(error: Exception) -> int | None:
    return error.status if isinstance(error, CallFailed) else None
