"""What rules return: pushes (things to send) and findings (things a person must know). Values only, no I/O."""

from clarus_bc_pipeline.decisions.findings import Finding, Owner, Severity
from clarus_bc_pipeline.decisions.pushes import Push, PushState

__all__ = ["Finding", "Owner", "Push", "PushState", "Severity"]
