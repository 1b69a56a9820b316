"""Read the named queries of an `.sql` file.

What belongs here: the file's format. What does not: any SQL. In the file, `-- name: x` starts the query `x`;
the comment lines under it say which question it answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def read_queries(file: Path) -> Mapping[str, sa.TextClause]:
    """The file's queries by name, ready to execute with `:parameters`."""
    _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
    return {name: sa.text(_without_comments(body)) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _without_comments(body: str) -> str:
    """A colon in a comment would be read as a parameter."""
    return "\n".join(line for line in body.splitlines() if not line.lstrip().startswith("--")).strip()
