"""What Dagster loads: the flows' assets, checks, jobs and automation, and the resource that opens a store."""

import dagster as dg

from clarus_bc_pipeline.flows import housekeeping
from clarus_bc_pipeline.flows.catalogue import assets as catalogue_assets
from clarus_bc_pipeline.flows.catalogue import automation as catalogue_automation
from clarus_bc_pipeline.flows.catalogue import checks as catalogue_checks
from clarus_bc_pipeline.flows.despatch import assets as despatch_assets
from clarus_bc_pipeline.flows.despatch import automation as despatch_automation
from clarus_bc_pipeline.flows.despatch import checks as despatch_checks
from clarus_bc_pipeline.flows.orders import assets as orders_assets
from clarus_bc_pipeline.flows.orders import automation as orders_automation
from clarus_bc_pipeline.flows.orders import checks as orders_checks
from clarus_bc_pipeline.flows.resources import Stores
from clarus_bc_pipeline.flows.stock import assets as stock_assets
from clarus_bc_pipeline.flows.stock import automation as stock_automation
from clarus_bc_pipeline.flows.stock import checks as stock_checks

AUTOMATIONS = (catalogue_automation, orders_automation, despatch_automation, stock_automation)

defs = dg.Definitions(
    assets=[*catalogue_assets.ASSETS, *orders_assets.ASSETS, *despatch_assets.ASSETS, *stock_assets.ASSETS],
    asset_checks=[*catalogue_checks.CHECKS, *orders_checks.CHECKS, *despatch_checks.CHECKS, *stock_checks.CHECKS],
    jobs=[*(job for flow in AUTOMATIONS for job in flow.JOBS), *housekeeping.JOBS],
    sensors=[sensor for flow in AUTOMATIONS for sensor in flow.SENSORS],
    schedules=[
        *catalogue_automation.SCHEDULES,
        *despatch_automation.SCHEDULES,
        *stock_automation.SCHEDULES,
        *housekeeping.SCHEDULES,
    ],
    resources={"stores": Stores()},
    # Every step waits on HTTP or SQL; a process for each would cost seconds and bring nothing.
    executor=dg.in_process_executor,
)
