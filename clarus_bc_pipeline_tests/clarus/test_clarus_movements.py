"""Shipments, packages, transactions and products, as the warehouse shows them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.products import Product, products_by_code, pull_products
from clarus_bc_pipeline.clarus.shipments import ClarusShipment, packages_of, shipments_of
from clarus_bc_pipeline.clarus.transactions import transactions_since
from clarus_bc_pipeline.sandbox.clarus import Parcel, WarehouseWorld
from clarus_bc_pipeline_tests.clarus.conftest import NOON, Warehouse


def test_each_carrier_has_a_shipment_and_each_parcel_a_package(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 2)])
    world.add_carrier("DPD", name="DPD UK")
    world.despatch(order, parcels=[Parcel("DPD", "15501"), Parcel("DPD", "15502"), Parcel("EVRI")])
    dpd, evri = shipments_of(api, [order]).records
    assert dpd == ClarusShipment(
        id=1, goods_out_id=order, reference="SHP-000001", status="dispatched", carrier_code="DPD",
        carrier_name="DPD UK", tracking_number="15501",
    )  # fmt: skip
    packages = packages_of(api, [dpd.id, evri.id]).records
    assert [(p.shipment_id, p.tracking_number) for p in packages] == [
        (dpd.id, "15501"), (dpd.id, "15502"), (evri.id, ""),
    ]  # fmt: skip


def test_tracking_that_comes_late_is_seen(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 2)])
    (shipment,) = world.despatch(order, parcels=[Parcel("DPD")])
    assert packages_of(api, [shipment]).records[0].tracking_number == ""
    world.set_tracking(world.packages_of(order)[0]["id"], "15501")
    assert packages_of(api, [shipment]).records[0].tracking_number == "15501"
    assert shipments_of(api, [order]).records[0].tracking_number == "15501"


def test_a_voided_shipment_stays_listed_as_cancelled(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 2)])
    (shipment,) = world.despatch(order)
    world.cancel_shipment(shipment)
    assert [s.status for s in shipments_of(api, [order]).records] == ["cancelled"]


def test_a_shipment_without_a_carrier_has_empty_texts(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 2)])
    world.despatch(order, parcels=[Parcel("")])
    (shipment,) = shipments_of(api, [order]).records
    assert (shipment.carrier_code, shipment.carrier_name, shipment.tracking_number) == ("", "", "")


def test_parcels_that_break_their_description_are_reported(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 2)])
    (shipment,) = world.despatch(order)
    world.packages.change(world.packages.rows[1], tracking_number=15501)
    assert [u.record for u in packages_of(api, [shipment]).unreadable] == []  # GraphQL makes it text
    world.shipments.rows[shipment]["status"] = None
    (unreadable,) = shipments_of(api, [order]).unreadable
    assert (unreadable.record, unreadable.reason) == (
        "Clarus shipment 1", "status: expected str, got null",
    )  # fmt: skip


def test_only_this_owners_transactions_since_the_moment_are_read(warehouse: Warehouse) -> None:
    world, clock = warehouse.world, warehouse.clock
    early = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 2)])
    theirs = world.create_goods_out("BETA", "WHS01", "X-1", [("MUG", 2)])
    late = world.create_goods_out("ACME", "WHS01", "BC-2", [("TIN", 3)])
    world.despatch(early)
    clock.pass_(minutes=10)
    world.despatch(theirs)
    world.despatch(late)
    read = transactions_since(warehouse.client(), NOON + timedelta(minutes=10, microseconds=5)).records
    assert [(t.goods_out_id, t.subtype, t.quantity, t.product_code) for t in read] == [
        (late, "PICK", Decimal(3), "TIN"), (late, "DISPATCH", Decimal(3), "TIN"),
    ]  # fmt: skip
    assert {t.created_at for t in read} == {NOON + timedelta(minutes=10)}


def test_a_transaction_of_no_goods_out_is_whole(api: Clarus, world: WarehouseWorld) -> None:
    world.transactions.add({
        "subtype": "RCV", "category": "RCV", "quantity": 5.0, "created_at": world.time(), "goods_out": None,
        "product": world.products.rows[1], "account": world.accounts.rows[1],
    })  # fmt: skip
    (received,) = transactions_since(api, NOON).records
    assert (received.goods_out_id, received.subtype) == (None, "RCV")


def test_a_transaction_without_its_time_is_reported(api: Clarus, world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 2)])
    world.pick(order)
    world.transactions.rows[1]["created_at"] = "2026-11-24T12:00:00"
    (unreadable,) = transactions_since(api, NOON - timedelta(hours=1)).unreadable
    assert unreadable.record == "transaction 1"
    assert "created_at" in unreadable.reason


def test_products_are_the_owners_own(api: Clarus) -> None:
    assert [page.records for page in pull_products(api)] == [[
        Product(id=1, code="MUG", barcode="5012345678900", description="Mug, blue"),
        Product(id=3, code="TIN", barcode="", description=""),
    ]]  # fmt: skip


def test_products_are_found_by_their_exact_code(api: Clarus) -> None:
    assert [p.id for p in products_by_code(api, ["TIN", "mug", "LAMP"]).records] == [3]
    assert products_by_code(api, []).records == []


def test_a_product_without_a_code_is_reported(api: Clarus, world: WarehouseWorld) -> None:
    world.products.change(world.products.rows[3], code=None)
    (page,) = pull_products(api)
    assert [u.record for u in page.unreadable] == ["product 3"]
