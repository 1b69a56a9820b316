"""What Dagster loads: the flows' assets, checks, jobs and automation, and the resource that opens a store."""

from importlib import import_module
from types import ModuleType

import dagster as dg

from clarus_bc_pipeline.flows import housekeeping
from clarus_bc_pipeline.flows.resources import Stores

FLOWS = ("catalogue", "orders", "despatch", "stock", "returns", "finance")  # along the data


def _each(part: str) -> list[ModuleType]:
    return [import_module(f"clarus_bc_pipeline.flows.{flow}.{part}") for flow in FLOWS]


AUTOMATIONS = [*_each("automation"), housekeeping]

defs = dg.Definitions(
    assets=[asset for flow in _each("assets") for asset in flow.ASSETS],
    asset_checks=[check for flow in _each("checks") for check in flow.CHECKS],
    jobs=[job for each in AUTOMATIONS for job in each.JOBS],
    sensors=[sensor for each in AUTOMATIONS for sensor in each.SENSORS],
    schedules=[schedule for each in AUTOMATIONS for schedule in each.SCHEDULES],
    resources={"stores": Stores()},
    # Every step waits on HTTP or SQL; a process for each would cost seconds and bring nothing.
    executor=dg.in_process_executor,
)
