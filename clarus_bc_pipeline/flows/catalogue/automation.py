"""The catalogue's job, the nightly audit of both catalogues, and the sensor that reads them for the first time."""

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.scheduling import store_schedule
from clarus_bc_pipeline.flows.sensing import store_sensor
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.tables import clarus_product

sync_catalogue = dg.define_asset_job(
    "sync_catalogue",
    selection=dg.AssetSelection.groups("catalogue"),
    description="Read and compare both catalogues.",
)


def _never_read(store: Store) -> str | None:
    """No call: whether the ledger holds a product of this store."""
    with store.engine.connect() as connection:
        known = connection.scalar(sa.select(sa.exists().where(clarus_product.c.store == store.key)))
    return None if known else "catalogue never read"


catalogue_sensor = store_sensor(
    name="catalogue_sensor",
    job=sync_catalogue,
    news=_never_read,
    description="Reads both catalogues of a store that is new; after that the nightly audit does. Makes no call.",
)

nightly_catalogue_audit = store_schedule(
    name="nightly_catalogue_audit",
    job=sync_catalogue,
    cron="30 2 * * *",
    description="Every night, while the shop is quiet: read both catalogues and report what differs.",
)

JOBS = [sync_catalogue]
SENSORS = [catalogue_sensor]
SCHEDULES = [nightly_catalogue_audit]
