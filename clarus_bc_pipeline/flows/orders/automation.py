"""The orders job, and the sensor that starts it when an order changed or a push is due."""

import dagster as dg

from clarus_bc_pipeline.flows.orders import sync
from clarus_bc_pipeline.flows.resources import settings
from clarus_bc_pipeline.flows.sensing import store_sensor

sync_orders = dg.define_asset_job(
    "sync_orders",
    selection=dg.AssetSelection.groups("orders"),
    description="Orders from BigCommerce to Clarus: pull, decide, deliver, prove.",
)

orders_sensor = store_sensor(
    name="orders_sensor",
    job=sync_orders,
    news=sync.news,
    every_seconds=settings().worker.orders_every_seconds,  # a question costs the shop one call
    description="Asks the shop for its newest order change (one call) and the outbox for due pushes; starts a run only "
    "when either is new.",
)

JOBS = [sync_orders]
SENSORS = [orders_sensor]
SCHEDULES: list[dg.ScheduleDefinition] = []
