"""The peer: dlt's rest_api source into Postgres, merged on id. `pull_dlt.py BASE_URL POSTGRES_URL`.

Runs in the peers' own venv and imports nothing of ours. It is given what makes it fast: pages of 250, and a map that
keeps the fields which our pull keeps, so that it need not spread an order's 200 fields over columns. Lines become a
child table, as dlt does with lists. Prints one JSON object: orders and seconds.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

KEPT = (
    "id", "status_id", "payment_status", "currency_code", "total_inc_tax", "items_total", "items_shipped", "is_deleted",
    "date_created", "date_modified", "customer_message", "staff_notes",
)  # fmt: skip
KEPT_OF_LINE = (
    "id", "order_address_id", "product_id", "sku", "name", "type", "quantity", "quantity_shipped", "quantity_refunded",
    "price_inc_tax",
)  # fmt: skip
KEPT_OF_ADDRESS = (
    "id", "first_name", "last_name", "company", "street_1", "street_2", "city", "state", "zip", "country_iso2", "phone",
    "email", "shipping_method",
)  # fmt: skip


def kept(order: dict[str, Any]) -> dict[str, Any]:
    """The order with the fields that our ledger keeps."""
    shipping = order["consignments"]["shipping"]
    return {
        **{name: order[name] for name in KEPT},
        "lines": [
            {name: line[name] for name in KEPT_OF_LINE} for address in shipping for line in address["line_items"]
        ],
        "addresses": [{name: address[name] for name in KEPT_OF_ADDRESS} for address in shipping],
    }


def main(base_url: str, database: str) -> None:
    import dlt  # type: ignore[import-not-found]
    from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]

    source = rest_api_source({
        "client": {"base_url": base_url},
        "resources": [{
            "name": "orders", "primary_key": "id", "write_disposition": "merge",
            "endpoint": {
                "path": "v2/orders", "data_selector": "$",
                "params": {
                    "limit": 250, "include": "consignments.line_items", "consignment_structure": "object",
                    "sort": "date_modified:asc",
                },
                "paginator": {
                    "type": "page_number", "base_page": 1, "total_path": None, "stop_after_empty_page": True,
                },
            },
            "processing_steps": [{"map": kept}],
        }],
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench", destination=dlt.destinations.postgres(database), dataset_name="dlt_bench", pipelines_dir=folder
        )
        started = time.monotonic()
        pipeline.run(source)
        seconds = time.monotonic() - started
        with pipeline.sql_client() as client:
            rows = client.execute_sql("SELECT count(*) FROM orders")
            client.execute_sql("DROP SCHEMA dlt_bench CASCADE")
    assert rows is not None
    print(json.dumps({"orders": rows[0][0], "seconds": round(seconds, 2), "dlt": dlt.__version__}))


if __name__ == "__main__":
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    main(*sys.argv[1:])
