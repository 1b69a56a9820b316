"""A stateful double of Clarus on loopback: `clarus_app(world)` serves what a `WarehouseWorld` holds.

`tenant.py` holds records, `world.py` what happens on the floor and `receipts.py` what at the goods-in bay, `writes.py`
what a client may write, `schema.graphql` and `reads.py` GraphQL, `app.py` HTTP. It answers as Clarus is documented to;
where the documentation is silent, a setting of `WarehouseWorld` says which.
"""

from clarus_bc_pipeline.sandbox.clarus.app import clarus_app
from clarus_bc_pipeline.sandbox.clarus.receipts import ReceivedReturn
from clarus_bc_pipeline.sandbox.clarus.tenant import DespatchedLine
from clarus_bc_pipeline.sandbox.clarus.world import Parcel, WarehouseWorld

__all__ = ["DespatchedLine", "Parcel", "ReceivedReturn", "WarehouseWorld", "clarus_app"]
