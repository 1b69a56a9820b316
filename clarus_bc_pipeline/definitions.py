"""What Dagster loads: the flows' assets, checks, jobs and automation, and the resource that opens a store."""

import dagster as dg

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

defs = dg.Definitions(
    assets=[*catalogue_assets.ASSETS, *orders_assets.ASSETS, *despatch_assets.ASSETS],
    asset_checks=[*catalogue_checks.CHECKS, *orders_checks.CHECKS, *despatch_checks.CHECKS],
    jobs=[*catalogue_automation.JOBS, *orders_automation.JOBS, *despatch_automation.JOBS],
    sensors=[*catalogue_automation.SENSORS, *orders_automation.SENSORS, *despatch_automation.SENSORS],
    schedules=[*catalogue_automation.SCHEDULES, *despatch_automation.SCHEDULES],
    resources={"stores": Stores()},
    # Every step waits on HTTP or SQL; a process for each would cost seconds and bring nothing.
    executor=dg.in_process_executor,
)
