"""What the figures were measured on. Names neither the machine nor a path of it."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil  # type: ignore[import-untyped]
import sqlalchemy as sa

from clarus_bc_pipeline.ledger.engine import open_ledger


def facts() -> dict[str, Any]:
    """Cores, memory in GiB, versions, and the load of the last minute (jobs that wanted a core)."""
    engine = open_ledger()
    try:
        with engine.connect() as connection:
            postgres = connection.scalar(sa.text("SHOW server_version"))
    finally:
        engine.dispose()
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgres": postgres,
        "load_before": round(os.getloadavg()[0], 1),
    }
