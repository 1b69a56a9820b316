"""The quota: no 429 of our own making, hardly a call left unused, and the urgent first. Time is simulated."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.bigcommerce.quota import Quota, QuotaExhausted, RateLimit, Window
from clarus_bc_pipeline.bigcommerce.store import get_time
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.faults import Fault


@dataclass
class Server:
    """A store's counter: windows back to back, or each begun by the first call after the last one ended."""

    quota: int
    length: float
    back_to_back: bool
    began: float = 0.0
    number: int = 0
    used: int = 0
    accepted: Counter[int] = field(default_factory=Counter)
    refused: int = 0

    def take(self, now: float, *, ours: bool = True) -> tuple[RateLimit, int]:
        if now >= self.began + self.length:
            passed = math.floor((now - self.began) / self.length)
            self.began = self.began + passed * self.length if self.back_to_back else now
            self.number += passed
            self.used = 0
        allowed = self.used < self.quota
        self.used += allowed
        if ours:
            self.accepted[self.number] += allowed
            self.refused += not allowed
        reset = math.ceil((self.began + self.length - now) * 1000) / 1000
        return RateLimit(self.quota, self.quota - self.used, reset, self.length), 200 if allowed else 429


def run(
    window: Window, server: Server, *, calls: int, threads: int, latencies: Any, start: float = 0.0,
    thefts: tuple[float, ...] = (),
) -> float:  # fmt: skip
    """Make `calls` through `window` from `threads`; returns when the last reply came."""
    now, waiting, begun, idle = start, itertools.count(), 0, threads
    events: list[tuple[float, int, str, Any]] = [(at, next(waiting), "theft", None) for at in thefts]
    heapq.heapify(events)
    while True:
        while begun < calls and idle:
            wait = window.wait(now)
            if wait:
                heapq.heappush(events, (now + wait, next(waiting), "look", None))
            if wait != 0:
                break
            window.start()
            begun, idle = begun + 1, idle - 1
            heapq.heappush(events, (now + next(latencies), next(waiting), "arrive", now))
        if begun == calls and idle == threads:
            return now
        now, _, kind, data = heapq.heappop(events)
        if kind == "arrive":
            limit, status = server.take(now)
            heapq.heappush(events, (now + next(latencies), next(waiting), "reply", (data, limit, status)))
        elif kind == "reply":
            sent, limit, status = data
            window.finish(sent=sent, now=now, limit=limit, status=status)
            idle += 1
        elif kind == "theft":
            server.take(now, ours=False)


@st.composite
def stores(draw: st.DrawFn) -> dict[str, Any]:
    """A store with a backlog that the quota bounds, not the latency."""
    quota = draw(st.integers(3, 200))
    length = draw(st.floats(0.5, 60))
    threads = draw(st.integers(1, 4))
    longest = 0.1 * length * threads / quota
    one_way = draw(st.lists(st.floats(0.0001, longest), min_size=1, max_size=20))
    return {
        "server": Server(quota, length, draw(st.booleans())), "threads": threads,
        "calls": draw(st.integers(1, 5 * quota)), "start": draw(st.floats(0, 3 * length)), "one_way": one_way,
    }  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(stores())
def test_alone_on_the_store_no_call_is_throttled_and_nine_tenths_of_every_window_are_used(
    store: dict[str, Any],
) -> None:
    server: Server = store["server"]
    latencies = itertools.cycle(store["one_way"])
    run(
        Window(),
        server,
        calls=store["calls"],
        threads=store["threads"],
        latencies=latencies,
        start=store["start"],
    )
    assert server.refused == 0
    assert sum(server.accepted.values()) == store["calls"]
    windows = sorted(server.accepted)
    for number in windows[1:-1]:  # the first began before us, the last ends with our backlog
        assert server.accepted[number] >= 0.9 * server.quota - store["threads"]
    assert windows == list(range(windows[0], windows[-1] + 1)), "a whole window went by unused"


@pytest.mark.parametrize("quota", [150, 450])
@pytest.mark.parametrize("back_to_back", [True, False])
def test_a_backlog_takes_at_most_a_tenth_longer_than_the_quota_allows(quota: int, back_to_back: bool) -> None:
    server = Server(quota, 30.0, back_to_back)
    took = run(Window(), server, calls=1000, threads=3, latencies=itertools.cycle([0.02, 0.06, 0.01]))
    floor = (math.ceil(1000 / quota) - 1) * 30.0
    assert server.refused == 0
    assert took <= 1.10 * floor + 1000 % quota * 0.06 / 3


@settings(deadline=None, max_examples=60)
@given(stores(), st.floats(0.2, 0.95))
def test_our_share_of_the_quota_is_never_exceeded(store: dict[str, Any], share: float) -> None:
    server: Server = store["server"]
    window = Window(share=share)
    latencies = itertools.cycle(store["one_way"])
    run(
        window,
        server,
        calls=store["calls"],
        threads=store["threads"],
        latencies=latencies,
        start=store["start"],
    )
    assert max(server.accepted.values()) <= max(1, int(server.quota * share + 1e-9)) + store["threads"] - 1


@settings(deadline=None, max_examples=60)
@given(stores(), st.lists(st.floats(0, 1), min_size=1, max_size=100))
def test_calls_of_other_apps_are_seen_in_the_headers(store: dict[str, Any], thefts: list[float]) -> None:
    server: Server = store["server"]
    span = 6 * server.length
    run(
        Window(), server, calls=store["calls"], threads=store["threads"],
        latencies=itertools.cycle(store["one_way"]),
        start=store["start"], thefts=tuple(at * span for at in thefts),
    )  # fmt: skip
    windows = max(server.accepted) - min(server.accepted) + 1
    assert server.refused <= windows * store["threads"]  # what was in flight when the last call was taken


def limit(left: int, *, quota: int = 100, reset: float = 10.0) -> RateLimit:
    return RateLimit(quota, left, reset, 10.0)


def test_before_the_first_reply_one_call_probes_and_the_others_wait_for_its_headers() -> None:
    window = Window()
    assert window.wait(0.0) == 0.0
    window.start()
    assert window.wait(0.1) is None
    window.finish(sent=0.0, now=0.2, limit=limit(99), status=200)
    assert window.wait(0.2) == 0.0


def test_a_probe_that_fails_lets_the_next_one_probe() -> None:
    window = Window()
    window.start()
    window.finish(sent=0.0, now=1.0, limit=None, status=None)
    assert window.wait(1.0) == 0.0
    window.start()
    assert window.wait(1.0) is None


def test_a_store_without_the_headers_is_not_held_back() -> None:
    window = Window()
    window.start()
    window.finish(sent=0.0, now=0.1, limit=None, status=200)
    for _ in range(50):
        assert window.wait(0.1) == 0.0
        window.start()


def test_reads_leave_the_last_calls_of_a_window_to_shipments() -> None:
    window = Window()
    window.start()
    window.finish(sent=0.0, now=0.1, limit=limit(5), status=200)
    assert window.wait(0.1, Priority.SHIPMENT) == 0.0
    wait = window.wait(0.1, Priority.READ)
    assert wait is not None
    assert wait == pytest.approx(10.0, abs=0.01)


def test_a_429_with_headers_waits_for_the_reset_and_longer_when_it_repeats() -> None:
    window = Window()
    waits = []
    now = 0.0
    for _ in range(4):
        window.start()
        window.finish(sent=now, now=now, limit=limit(0), status=429)
        wait = window.wait(now)
        assert wait is not None
        waits.append(wait)
        now += wait
    assert waits == pytest.approx([10, 11, 12, 14], abs=0.01)


def test_a_429_without_headers_backs_off_exponentially_and_forgets_at_the_first_success() -> None:
    window = Window()
    waits = []
    now = 0.0
    for _ in range(3):
        window.start()
        window.finish(sent=now, now=now, limit=None, status=429)
        wait = window.wait(now)
        assert wait is not None
        waits.append(wait)
        now += wait
    for wait, pause in zip(waits, (1, 2, 4), strict=True):
        assert pause <= wait <= 1.25 * pause
    window.start()
    window.finish(sent=now, now=now, limit=limit(99), status=200)
    window.start()
    window.finish(sent=now, now=now, limit=None, status=429)
    wait = window.wait(now)
    assert wait is not None
    assert wait <= 1.25


def test_a_late_reply_about_the_last_window_does_not_close_this_one() -> None:
    window = Window()
    window.start()
    window.finish(sent=0.0, now=0.1, limit=limit(50), status=200)
    window.start()  # sent at 9.9, answered at 13 about the window that ended at 10
    assert window.wait(10.2) == 0.0
    window.finish(sent=9.9, now=13.0, limit=limit(0, reset=0.05), status=200)
    assert window.wait(13.0) == 0.0


def test_when_calls_are_short_the_urgent_go_first_whoever_came_first() -> None:
    now = [0.0]
    quota = Quota(clock=lambda: now[0], pause=lambda condition, seconds: condition.wait(10))
    started: list[Priority] = []

    def call(priority: Priority) -> None:
        with quota.call(priority, patience=1000.0) as turn:
            started.append(priority)
            turn.limit, turn.status = limit(0, quota=1), 200

    call(Priority.SHIPMENT)
    arrivals = [Priority.READ, Priority.STOCK, Priority.SHIPMENT, Priority.REFUND]
    threads = [threading.Thread(target=call, args=(priority,)) for priority in arrivals]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        while quota.waiting < number:
            pass
    for _ in arrivals:
        done = len(started)
        now[0] += 11.0
        with quota._changed:
            quota._changed.notify_all()
            quota._changed.wait_for(partial(_one_more, quota, started, done), 10)
    for thread in threads:
        thread.join(10)
    assert started == [Priority.SHIPMENT, Priority.SHIPMENT, Priority.REFUND, Priority.STOCK, Priority.READ]


def _one_more(quota: Quota, started: list[Priority], done: int) -> bool:
    return len(started) > done and quota.window.in_flight == 0


def test_who_will_not_wait_longer_is_told_when_to_come_back() -> None:
    now = [0.0]

    def pause(condition: threading.Condition, seconds: float | None) -> None:
        now[0] += seconds or 0.0

    quota = Quota(clock=lambda: now[0], pause=pause)
    with quota.call(Priority.SHIPMENT, patience=1.0) as turn:
        turn.limit, turn.status = limit(0), 200
    with pytest.raises(QuotaExhausted) as thrown, quota.call(Priority.SHIPMENT, patience=4.0):
        pass
    assert now[0] == pytest.approx(4.0)
    assert thrown.value.retry_after == pytest.approx(6.0, abs=0.01)
    assert quota.waiting == 0


def test_three_threads_on_a_real_server_are_never_throttled(shop: Any) -> None:
    world = ShopWorld(quota=40, window_seconds=0.4)
    with served(bigcommerce_app(world)) as url:
        shop.url = url
        api = shop.client()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: get_time(api), range(150)))
    assert world.log.entries(status=429) == []
    assert len(world.log.entries(status=200)) == 150
    assert api.quota.quota == 40


def test_a_throttled_read_waits_for_its_turn_and_succeeds(shop: Any, no_pauses: None) -> None:
    world = ShopWorld(quota=5, window_seconds=0.3)
    world.quota.spend(5)
    with served(bigcommerce_app(world)) as url:
        shop.url = url
        assert get_time(shop.client()).year >= 2026
    assert [entry.seen for entry in world.log.entries()] == [429, 200]


def test_platform_load_is_waited_out_by_a_read(shop: Any, api: Any, no_pauses: None) -> None:
    shop.fail(Fault.OVERLOADED, "GET", rate=0.5)
    shop.plan.seed = 2  # hits the first call and not the second
    assert get_time(api).year >= 2026
    assert [entry.seen for entry in shop.world.log.entries()] == [429, 200]
