"""GraphQL over the double's records: a real schema, relay connections, introspection.

What belongs here: running a query. What does not: the schema's names (`schema.graphql`) and filtering
(`tables.py`).
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
)
from graphql import validate as validate_document

from clarus_bc_pipeline.sandbox.clarus.tables import Record, Table
from clarus_bc_pipeline.sandbox.clarus.world import WarehouseWorld

SDL = Path(__file__).with_name("schema.graphql")


@cache
def schema() -> GraphQLSchema:
    return build_schema(SDL.read_text(encoding="utf-8"))


@cache
def _checked(query: str) -> DocumentNode | tuple[GraphQLError, ...]:
    """The query as a document, or what is wrong with it. Clients send few texts, so each is kept."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return (error,)
    return tuple(validate_document(schema(), document)) or document


def run_query(world: WarehouseWorld, request: Record) -> Record:
    """The body of the reply to `{query, variables}`; status 200 whatever it says."""
    checked = _checked(str(request.get("query", "")))
    if isinstance(checked, tuple):
        return {"errors": [error.formatted for error in checked]}  # no `data`: the query was not run
    with world.lock:
        roots = {root: {"all": _resolver(world, table)} for root, table in world.tables.items()}
        result = execute_sync(schema(), checked, roots, variable_values=request.get("variables") or {})
    return _body(result)


def _body(result: ExecutionResult) -> Record:
    body: Record = dict(result.formatted)
    if result.data is None and all(error.path is None for error in result.errors or ()):
        body.pop("data", None)  # variables that do not fit: not run either
    return body


def _resolver(world: WarehouseWorld, table: Table) -> Any:
    def resolve(
        _info: object,
        filter: Record | None = None,
        first: int | None = None,
        after: str | None = None,
        include_archived: bool = False,
    ) -> Record:
        rows = table.select(filter or {})
        start = _place(after) if after else 0
        size = min(world.page_cap, world.page_cap if first is None else first)
        shown = rows[start : start + size]
        edges = [{"cursor": _cursor(start + n), "node": row} for n, row in enumerate(shown, start=1)]
        info = {
            "hasNextPage": start + size < len(rows), "hasPreviousPage": start > 0,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        }  # fmt: skip
        return {"pageInfo": info, "edges": edges}

    return resolve


def _cursor(place: int) -> str:
    """A place in the list: what leaves the list before it moves every later record up, past a reader who
    pages.
    """
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _place(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise GraphQLError(f"{cursor!r} is not a cursor") from None
