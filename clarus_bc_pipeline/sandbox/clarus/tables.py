"""The double's records, and the documented filters over them.

What belongs here: holding records of one resource and finding them. What does not: how they change
(`world.py`). A record is a dict that is also its GraphQL node: a field holds a plain value or another
record.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Record = dict[str, Any]
Path = tuple[str, ...]

_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "in": lambda value, wanted: value in wanted,
    "like": lambda value, wanted: wanted in value,
    "ilike": lambda value, wanted: wanted.lower() in value.lower(),
    "between": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "gt": lambda value, wanted: value > wanted,
    "gteq": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "lteq": lambda value, wanted: value <= wanted,
    "from": lambda value, wanted: value >= wanted,
    "to": lambda value, wanted: value <= wanted,
}


class Table:
    """Records of one resource by id. `filters` maps a filter's name to where its value is in a record.

    Records are found by way of the `indexed` filters where one of them is asked for by `eq` or `in`, and by
    time where they have a `created_at`.
    """

    def __init__(self, filters: Mapping[str, Path], *, indexed: Iterable[str] = ()) -> None:
        self.rows: dict[int, Record] = {}
        self._filters = filters
        self._indexes: dict[str, dict[Any, dict[int, Record]]] = {name: {} for name in indexed}
        self._by_time: list[tuple[str, int]] | None = [] if filters.get("created_at") == ("created_at",) else None
        self._last_id = 0

    def add(self, record: Record) -> Record:
        """Keep `record` under a new id."""
        self._last_id += 1
        record["id"] = self._last_id
        self.rows[self._last_id] = record
        for name, index in self._indexes.items():
            index.setdefault(_value(record, self._filters[name]), {})[record["id"]] = record
        if self._by_time is not None:
            insort(self._by_time, (record["created_at"], record["id"]))
        return record

    def change(self, record: Record, **fields: Any) -> None:
        """Set fields, whatever they are indexed by."""
        before = {name: _value(record, self._filters[name]) for name in self._indexes}
        record.update(fields)
        for name, old in before.items():
            new = _value(record, self._filters[name])
            if new != old:
                del self._indexes[name][old][record["id"]]
                self._indexes[name].setdefault(new, {})[record["id"]] = record

    def remove(self, record: Record) -> None:
        del self.rows[record["id"]]
        for name, index in self._indexes.items():
            del index[_value(record, self._filters[name])][record["id"]]
        if self._by_time is not None:
            self._by_time.remove((record["created_at"], record["id"]))

    def where(self, **values: Any) -> list[Record]:
        """Records whose filters have these values, by id."""
        return self.select({name: {"eq": value} for name, value in values.items()})

    def select(self, filters: Mapping[str, Mapping[str, Any]]) -> list[Record]:
        """Records that pass every operator of every filter, by id."""
        wanted = {
            name: {op: _operand(name, operand) for op, operand in operators.items()}
            for name, operators in filters.items()
            if operators
        }
        rows = [row for row in self._candidates(wanted) if self._passes(row, wanted)]
        rows.sort(key=lambda row: row["id"])
        return rows

    def _candidates(self, wanted: Mapping[str, Mapping[str, Any]]) -> Iterable[Record]:
        for name, index in self._indexes.items():
            operators = wanted.get(name, {})
            values = operators["in"] if "in" in operators else [operators["eq"]] if "eq" in operators else None
            if values is not None:
                return [row for value in dict.fromkeys(values) for row in index.get(value, {}).values()]
        earliest = wanted.get("created_at", {}).get("from")
        if self._by_time is not None and earliest is not None:
            return [self.rows[number] for _, number in self._by_time[bisect_left(self._by_time, (earliest, 0)) :]]
        return self.rows.values()

    def _passes(self, row: Record, wanted: Mapping[str, Mapping[str, Any]]) -> bool:
        for name, operators in wanted.items():
            value = _value(row, self._filters[name])
            for operator, operand in operators.items():
                if operator == "filled":
                    if (value is not None) is not operand:
                        return False
                elif value is None or not _TESTS[operator](value, operand):
                    return False
        return True


def _value(record: Record, path: Path) -> Any:
    value: Any = record
    for name in path:
        value = value.get(name) if value is not None else None
    return value


def _operand(name: str, operand: Any) -> Any:
    """Ids are sent as text and kept as numbers."""
    if not name.endswith("_id") or isinstance(operand, bool):
        return operand
    return [int(each) for each in operand] if isinstance(operand, list) else int(operand)
