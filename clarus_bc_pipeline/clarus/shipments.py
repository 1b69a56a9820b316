"""The warehouse's shipments and the packages in them: what a carrier takes, and under which tracking number.

What belongs here: the calls and the wire format. What does not: what a parcel means to the shop (the
despatch flow). "Shipment" is also BigCommerce's word for another thing, so ours is `ClarusShipment`.

Sources: API reference pages ListShipments and ListPackages; ShipmentAttributes of Clarus's OpenAPI
description.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import PACKAGES, SHIPMENTS
from clarus_bc_pipeline.clarus.records import Page, Reader, Ref, by_chunks


class ClarusShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment of one goods-out. `status` is Clarus's word, of which no list is documented.

    Carrier and tracking number are empty until they are known. A submitted shipment has a label and has not
    left.
    """

    id: int
    goods_out_id: int
    reference: str
    status: str
    carrier_code: str
    carrier_name: str
    tracking_number: str


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel of a shipment. `tracking_number` is empty until the carrier gives one."""

    id: int
    shipment_id: int
    tracking_number: str


class _Carrier(msgspec.Struct, frozen=True):
    code: str
    name: str | None = None


class _ShipmentNode(msgspec.Struct, frozen=True):
    id: int
    goods_out: Ref
    status: str
    reference: str | None = None
    carrier: _Carrier | None = None
    tracking_number: str | None = None


class _PackageNode(msgspec.Struct, frozen=True):
    id: int
    shipment: Ref
    tracking_number: str | None = None


def _shipment(node: _ShipmentNode) -> ClarusShipment:
    return ClarusShipment(
        id=node.id,
        goods_out_id=node.goods_out.id,
        reference=node.reference or "",
        status=node.status,
        carrier_code=node.carrier.code if node.carrier else "",
        carrier_name=(node.carrier.name or "") if node.carrier else "",
        tracking_number=node.tracking_number or "",
    )


def _package(node: _PackageNode) -> Package:
    return Package(id=node.id, shipment_id=node.shipment.id, tracking_number=node.tracking_number or "")


_SHIPMENTS = Reader(SHIPMENTS, "Clarus shipment", _ShipmentNode, _shipment, part_of="goods_out")
_PACKAGES = Reader(PACKAGES, "package", _PackageNode, _package, part_of="shipment")


def shipments_of(warehouse: Clarus, goods_out_ids: Iterable[int]) -> Page[ClarusShipment]:
    """Shipments of these goods-outs, cancelled ones too, 200 goods-outs a call."""
    return _SHIPMENTS.all(warehouse, by_chunks("goods_out_id", goods_out_ids))


def packages_of(warehouse: Clarus, shipment_ids: Iterable[int]) -> Page[Package]:
    """Packages of these shipments, 200 shipments a call."""
    return _PACKAGES.all(warehouse, by_chunks("shipment_id", shipment_ids))
