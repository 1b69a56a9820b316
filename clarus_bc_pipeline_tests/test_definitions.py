"""What Dagster loads: complete, described, partitioned, in the order pull → decide → deliver → prove, and silent."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from clarus_bc_pipeline.definitions import defs
from clarus_bc_pipeline.flows.resources import STORES

GRAPH = defs.resolve_asset_graph()
ASSETS = sorted(key.to_user_string() for key in GRAPH.materializable_asset_keys)
CHECKS = sorted(GRAPH.asset_check_keys, key=str)
FLOWS = {
    "catalogue": ["clarus_products", "bigcommerce_variants", "sku_differences"],
    "orders": ["bigcommerce_orders", "goods_out_pushes", "released_goods_outs", "order_progress"],
    "despatch": ["clarus_goods_outs", "shipment_pushes", "bigcommerce_shipments", "despatch_gap"],
    "stock": ["clarus_stock_balances", "stock_pushes", "bigcommerce_stock", "stock_drift"],
    "returns": ["rmas", "return_pushes", "return_deliveries", "return_proof"],
    "finance": ["bigcommerce_payments", "finance_journal", "finance_control", "finance_pack"],
}


def test_everything_that_dagster_loads_is_sound() -> None:
    dg.Definitions.validate_loadable(defs)


def test_loading_says_nothing_on_the_console() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import clarus_bc_pipeline.definitions"], capture_output=True, text=True, check=True
    )
    assert (loaded.stdout, loaded.stderr) == ("", "")


def test_each_flow_is_a_group_of_its_verbs() -> None:
    groups = {group: sorted(n for n in ASSETS if GRAPH.get(dg.AssetKey(n)).group_name == group) for group in FLOWS}
    assert groups == {group: sorted(assets) for group, assets in FLOWS.items()}


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_says_what_it_is_whose_it_is_and_of_which_store(name: str) -> None:
    asset = GRAPH.get(dg.AssetKey(name))
    assert asset.description
    assert asset.description.startswith(("**Pull.**", "**Decide.**", "**Deliver.**", "**Prove.**"))
    assert asset.owners
    assert asset.kinds
    assert asset.code_version
    assert asset.partitions_def == STORES


def test_the_lineage_reads_pull_decide_deliver_prove() -> None:
    edges = {name: {key.to_user_string() for key in GRAPH.get(dg.AssetKey(name)).parent_keys} for name in ASSETS}
    assert edges == {
        "clarus_products": set(),
        "bigcommerce_variants": set(),
        "sku_differences": {"clarus_products", "bigcommerce_variants"},
        "bigcommerce_orders": set(),
        "goods_out_pushes": {"bigcommerce_orders", "clarus_products"},
        "released_goods_outs": {"goods_out_pushes"},
        "order_progress": {"released_goods_outs", "clarus_goods_outs"},
        "clarus_goods_outs": {"released_goods_outs"},
        "shipment_pushes": {"clarus_goods_outs", "bigcommerce_orders"},
        "bigcommerce_shipments": {"shipment_pushes"},
        "despatch_gap": {"bigcommerce_shipments", "clarus_goods_outs", "bigcommerce_orders"},
        "clarus_stock_balances": {"clarus_products", "clarus_goods_outs"},
        "stock_pushes": {"clarus_stock_balances", "bigcommerce_orders", "bigcommerce_variants"},
        "bigcommerce_stock": {"stock_pushes"},
        "stock_drift": {"bigcommerce_stock"},
        "rmas": {"bigcommerce_orders", "clarus_products"},
        "return_pushes": {"rmas", "clarus_stock_balances"},
        "return_deliveries": {"return_pushes"},
        "return_proof": {"return_deliveries"},
        "bigcommerce_payments": {"bigcommerce_orders", "rmas"},
        "finance_journal": {"bigcommerce_payments", "clarus_goods_outs", "return_proof"},
        "finance_control": {"finance_journal"},
        "finance_pack": {"finance_control"},
    }


@pytest.mark.parametrize("check", CHECKS, ids=lambda key: key.name)
def test_a_check_says_what_it_holds_its_asset_to_in_each_store(check: dg.AssetCheckKey) -> None:
    spec = GRAPH.get_check_spec(check) if hasattr(GRAPH, "get_check_spec") else GRAPH.get(check)
    assert spec.description
    assert spec.partitions_def == STORES
    assert check.asset_key in GRAPH.materializable_asset_keys


def test_every_flow_has_a_job_of_its_own_that_runs_all_of_it() -> None:
    for group, assets in FLOWS.items():
        job = defs.resolve_job_def(f"sync_{group}")
        assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(assets)


def test_sensors_and_schedules_run_from_the_first_start() -> None:
    repository = defs.get_repository_def()
    assert {s.name for s in repository.sensor_defs} == {f"{flow}_sensor" for flow in FLOWS}
    assert {s.name for s in repository.schedule_defs} == {
        "nightly_catalogue_audit",
        "nightly_despatch_proof",
        "hourly_stock_sweep",
        "daily_returns",
        "daily_finance",
        "nightly_housekeeping",
    }
    assert all(s.default_status == dg.DefaultSensorStatus.RUNNING for s in repository.sensor_defs)
    assert all(s.default_status == dg.DefaultScheduleStatus.RUNNING for s in repository.schedule_defs)
