"""Each measure of `benchmarks/` runs at toy size and says what it promises. Counts are asserted, never times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import calls, exposure, finance, gap, latency, makespan, pull, pull_server, refunds, stock
from benchmarks.figures import Figure
from benchmarks.running import keep
from clarus_bc_pipeline.bigcommerce.order_record import decode_order
from clarus_bc_pipeline.ledger import urls


@pytest.fixture(autouse=True)
def _ledger_of_the_test(monkeypatch: pytest.MonkeyPatch, ledger_url: str) -> None:
    """The measures open the ledger that the environment names."""
    monkeypatch.setenv(urls.URL_VARIABLE, ledger_url)


def test_calls_are_counted_in_the_double_and_the_naive_connector_needs_six() -> None:
    result = calls.run(shipments=12, naive=3, pulled=30, idle_minutes=2, quiet=5)
    assert result["by_call"] == {
        "GET /stores/bench/v2/orders": result["calls"] - 12,
        "POST /stores/bench/v2/orders/{id}/shipments": 12,
    }
    assert result["naive_calls_per_shipment"] == 6
    assert result["pull_calls"] == 1
    assert result["quiet"] == {"worker_calls_per_minute": 4, "sensor_calls_per_minute": 4, "runs_per_minute": 0}
    assert [figure.met for figure in calls.figures(result)][2:5] == [True, True, True]


def test_a_backlog_is_delivered_within_the_quota_and_says_its_floor() -> None:
    result = makespan.run(windows=3, quota=8, window_seconds=0.4, unmetered=4)
    assert (result["shipments"], result["calls"], result["own_429s"]) == (24, 24, 0)
    assert result["floor_seconds"] == pytest.approx(0.8)
    assert len(result["arrivals"]) == 24
    assert len(makespan.figures(result)) == 4


def test_our_pull_stores_every_order_that_the_server_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "PEERS", Path("no such venv"))
    result = pull.run(count=600, repeats=1)
    assert (result["orders"], result["lines"], result["dlt_per_second"]) == (600, 1200, None)
    assert [figure.beside for figure in pull.figures(result)] == ["dlt not installed"]


@pytest.mark.skipif(not pull.PEERS.exists(), reason="dlt is not installed: `make bench` makes the peers' own venv")
def test_dlt_stores_the_same_orders_from_the_same_server() -> None:
    result = pull.run(count=300, repeats=1)
    assert result["dlt"]
    assert result["dlt_per_second"] > 0


def test_the_servers_orders_are_read_by_our_client_and_differ_in_every_id() -> None:
    first, second = map(decode_order, pull_server.encoded_orders(2, lines=2))
    assert (first.id, second.id) == (1, 2)
    assert [line.id for line in second.lines] == [20, 21]
    assert (second.modified_at - first.modified_at).total_seconds() == 1


def test_latency_is_taken_from_the_doubles_for_every_despatch() -> None:
    result = latency.run(
        despatches=2,
        lanes=("worker",),
        between_seconds=(0.0, 0.1),
        rhythm={"orders_every_seconds": 1, "despatch_every_seconds": 1},
    )
    assert len(result["worker"]["seconds"]) == 2
    assert result["worker"]["seconds"][0] > 0
    assert [figure.unit for figure in latency.figures(result)] == ["s", "s"]


def test_the_gap_finds_what_was_planted_at_each_size() -> None:
    result = gap.run(orders=(400, 800))
    assert [size["gap_lines"] == size["planted"] for size in result["sizes"]] == [True, True]
    assert len(gap.figures(result)) == 4


def test_a_refund_costs_its_quote_itself_and_a_share_of_the_lists() -> None:
    result = refunds.run(refunds=8)
    assert 2 <= result["calls_per_refund"] <= 3
    assert [figure.met for figure in refunds.figures(result)] == [True]


def test_finance_lists_the_breaks_that_were_planted_and_its_books_tie() -> None:
    result = finance.run(orders=640, booked=320, tick=20)
    assert result["listed"] == result["planted"] == 11  # and the run itself holds the control totals at nothing
    assert result["journal_lines"] > 320 * 5
    assert [figure.met is not None for figure in finance.figures(result)] == [True, True, False, False]


def test_a_sweep_of_stock_takes_a_write_for_two_thousand_skus_and_each_movement_arrives() -> None:
    result = stock.run(
        skus=2001,
        changed=7,
        movements=2,
        lanes=("worker",),
        between_seconds=(0.0, 0.1),
        rhythm={"stock_every_seconds": 1},
    )
    assert (result["sweep"]["writes"], result["sweep"]["shop_reads"]) == (2, 6)  # read before it is set, and after
    assert (result["change"]["writes"], result["change"]["shop_reads"]) == (1, 1)
    assert len(result["latency"]["worker"]["seconds"]) == 2
    assert len(stock.figures(result)) == 10


def test_oversell_chances_are_judged_beside_the_climatology() -> None:
    result = exposure.run(trials=300)
    judged = result["counts when shipped"]
    assert sum(each["count"] for each in judged["bins"]) == 300
    assert judged["brier"] < judged["climatology_brier"]
    assert len(exposure.figures(result)) == 8


def test_a_figure_past_its_target_is_missed_and_one_without_a_target_is_not_judged() -> None:
    assert Figure("calls", 1.2, "calls", at_most=1.05).met is False
    assert Figure("orders", 20_000, "orders/s", at_least=15_000, beside="dlt", beside_value=5_000).ratio == 4
    assert Figure("calls", 12, "calls").met is None


def test_results_are_kept_with_plots_and_a_measure_that_was_not_run_keeps_its_last(tmp_path: Path) -> None:
    backlog: dict[str, Any] = {"shipments": 2, "quota": 1, "window_seconds": 1.0, "calls": 2, "ratio": 1.0}
    backlog |= {"arrivals_every": 1, "arrivals": [0.0, 1.0]}
    keep({"figures": [{"of": "makespan"}], "results": {"makespan": backlog}}, tmp_path)
    waited = {"worker": {"seconds": [1.0, 2.0], "p95": 2.0}}
    keep({"figures": [{"of": "latency"}], "results": {"latency": waited}}, tmp_path)
    latest = json.loads((tmp_path / "latest.json").read_text())
    assert [figure["of"] for figure in latest["figures"]] == ["latency", "makespan"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["latency.png", "makespan.png"]
