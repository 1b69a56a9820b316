"""A stateful double of BigCommerce on loopback: `bigcommerce_app(world)` serves what a `ShopWorld` holds.

`world.py` holds state and rules, `catalogue.py` products and stock, `payments.py` money, `wire.py` shapes, `app.py`
routes. It answers as BigCommerce is documented to, down to the quirks; where the documentation is silent, a setting of
`ShopWorld` says which.
"""

from clarus_bc_pipeline.sandbox.bigcommerce.app import bigcommerce_app
from clarus_bc_pipeline.sandbox.bigcommerce.serving import served
from clarus_bc_pipeline.sandbox.bigcommerce.shipping import Refusal
from clarus_bc_pipeline.sandbox.bigcommerce.world import ALL_SCOPES, ShopWorld

__all__ = ["ALL_SCOPES", "Refusal", "ShopWorld", "bigcommerce_app", "served"]
