"""Records as Clarus sends them, read one by one: a record that breaks its description never fails its
neighbours.

What belongs here: reading all of a resource under a filter, and saying which field of which record cannot
be read. What does not: any resource's own fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import Resource
from clarus_bc_pipeline.decisions.unreadable import Unreadable

R = TypeVar("R")
W = TypeVar("W", bound=msgspec.Struct)

SYSTEM = "Clarus"
# `in` takes a list and Clarus documents no limit for it; 200 ids make a request of about 2 kB.
IDS_PER_CALL = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """What was read, and what could not be."""

    records: list[R]
    unreadable: list[Unreadable]


class Ref(msgspec.Struct, frozen=True):
    """A record named by its id."""

    id: int


class Coded(msgspec.Struct, frozen=True):
    """A record named by its code."""

    code: str


@dataclass(frozen=True, slots=True)
class Reader(Generic[W, R]):
    """How one resource is read: `wire` is a node as sent, `build` makes our record of it or raises
    `ValueError`.

    `noun` names a record in messages, followed by its id. `name_field`: people know the record by this
    field of the node (`product.code`: of a record in it), so that a record that still shows it is reported under
    that name, after the noun where it has no id of its own. `part_of`: the field that refers to what the record is a
    part of.
    """

    resource: Resource
    noun: str
    wire: type[W]
    build: Callable[[W], R]
    name_field: str | None = None
    part_of: str | None = None

    def pages(self, warehouse: Clarus, filter: Mapping[str, Any]) -> Iterator[Page[R]]:
        """All records under `filter`, a page a call."""
        resource = self.resource
        for nodes in warehouse.connection(
            resource.root, resource.selection, filter_type=resource.filter_type, filter=filter
        ):
            yield self._read(nodes)

    def all(self, warehouse: Clarus, filters: Iterable[Mapping[str, Any]]) -> Page[R]:
        """All records under each of `filters`, together."""
        whole: Page[R] = Page([], [])
        for filter in filters:
            for page in self.pages(warehouse, filter):
                whole.records.extend(page.records)
                whole.unreadable.extend(page.unreadable)
        return whole

    def _read(self, nodes: list[msgspec.Raw]) -> Page[R]:
        page: Page[R] = Page([], [])
        for node in nodes:
            try:
                # Ids are GraphQL IDs, which are sent as text: not strict, so that "914" is the number 914.
                page.records.append(self.build(msgspec.json.decode(node, type=self.wire, strict=False)))
            except msgspec.DecodeError as error:
                page.unreadable.append(self._unreadable(node, _field_problem(error)))
            except ValueError as error:
                page.unreadable.append(self._unreadable(node, str(error)))
        return page

    def _unreadable(self, node: msgspec.Raw, reason: str) -> Unreadable:
        try:
            fields = msgspec.json.decode(node, type=dict[str, Any])
        except msgspec.DecodeError:
            return Unreadable(SYSTEM, f"{self.noun} without an id", reason)
        named = self._name(fields) or f"{self.noun} {fields.get('id') or 'without an id'}"
        try:
            whole = msgspec.convert(fields.get(self.part_of or ""), Ref, strict=False)
        except msgspec.ValidationError:
            return Unreadable(SYSTEM, named, reason)
        return Unreadable(SYSTEM, named, reason, whole.id)

    def _name(self, fields: Mapping[str, Any]) -> str | None:
        value: Any = fields if self.name_field else None
        for step in (self.name_field or "").split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if not isinstance(value, str) or not value:
            return None
        return value if "id" in fields else f"{self.noun} {value}"


def by_chunks(field: str, values: Iterable[str | int], **fixed: Any) -> Iterator[dict[str, Any]]:
    """Filters that ask for `values` of `field`, each value once, at most 200 a call, beside the `fixed`
    filters.

    No values, no filter: an empty `in` would ask for nothing, or on another server for everything.
    """
    unique = list(dict.fromkeys(str(value) for value in values))
    for start in range(0, len(unique), IDS_PER_CALL):
        yield {**fixed, field: {"in": unique[start : start + IDS_PER_CALL]}}


def moment(field: str, text: str) -> datetime:
    """An ISO 8601 time as UTC. Raises `ValueError` naming the field for a time without its zone: it is
    never guessed.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{field}: {text!r} is not an ISO 8601 time") from None
    if value.tzinfo is None:
        raise ValueError(f"{field}: {text!r} has no time zone; 2026-11-24T17:00:00Z has one")
    return value.astimezone(UTC)


def known(field: str, value: str, values: Sequence[str]) -> str:
    """`value`. Raises `ValueError` naming the field when it is none of `values`."""
    if value not in values:
        raise ValueError(f"{field}: {value!r} is none of {', '.join(values)}")
    return value


def _field_problem(error: msgspec.DecodeError) -> str:
    """What is wrong with which field: "product.code: expected str, got null"."""
    words, _, path = str(error).partition(" - at `")
    path = path.rstrip("`").removeprefix("$").removeprefix(".")
    if words.startswith("Object missing required field `"):
        name = words.split("`")[1]
        return f"{path}.{name}: missing" if path else f"{name}: missing"
    words = words[:1].lower() + words[1:].replace("`", "")
    return f"{path}: {words}" if path else words
