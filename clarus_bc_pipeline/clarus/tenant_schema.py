"""Whether a tenant's GraphQL schema has what this project asks for.

What belongs here: asking, by introspection, for `clarus-bc settings check`. What does not: the list of what
is asked for (`fields.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import RESOURCES, Resource
from clarus_bc_pipeline.http import Ambiguous

_INTROSPECTION = """
query {
  __schema {
    queryType { name }
    types {
      name
      fields { name type { name ofType { name ofType { name ofType { name } } } } }
      inputFields { name }
    }
  }
}
"""


class _TypeRef(msgspec.Struct, frozen=True, rename="camel"):
    name: str | None = None
    of_type: _TypeRef | None = None

    @property
    def base(self) -> str:
        """The named type under non-null and list."""
        return self.name or (self.of_type.base if self.of_type else "")


class _Field(msgspec.Struct, frozen=True):
    name: str
    type: _TypeRef


class _InputField(msgspec.Struct, frozen=True):
    name: str


class _Type(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    fields: list[_Field] | None = None
    input_fields: list[_InputField] | None = None


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Schema(msgspec.Struct, frozen=True, rename="camel"):
    query_type: _Named
    types: list[_Type]


class _Reply(msgspec.Struct, frozen=True):
    schema: _Schema = msgspec.field(name="__schema")


def check_schema(warehouse: Clarus) -> list[str]:
    """What the tenant's schema lacks of all that this project asks for, one sentence each; empty when all
    is there.
    """
    call = "graphql introspection"
    data = warehouse.graphql(_INTROSPECTION, operation="introspection")
    try:
        schema = msgspec.json.decode(data, type=_Reply).schema
    except msgspec.DecodeError as error:
        raise Ambiguous(call, f"the reply is not a schema: {error}") from error
    output = {t.name: {f.name: f.type.base for f in t.fields} for t in schema.types if t.fields is not None}
    inputs = {t.name: {f.name for f in t.input_fields} for t in schema.types if t.input_fields is not None}
    return [
        f"{sentence}; needed only for {resource.only_for}" if resource.only_for else sentence
        for resource in RESOURCES.values()
        for sentence in _missing(resource, schema.query_type.name, output, inputs)
    ]


def _missing(
    resource: Resource, query_type: str, output: dict[str, dict[str, str]], inputs: dict[str, set[str]]
) -> Iterator[str]:
    node = query_type
    for step in (resource.root, "all", "edges", "node"):
        if step not in output.get(node, {}):
            yield f"{resource.root}: Clarus's schema has no {step} in {node}, or this client may not see it"
            return
        node = output[node][step]
    for path in field_paths(resource.selection):
        holder = node
        for name in path:
            if name not in output.get(holder, {}):
                where = "beyond the documented examples" if name in resource.beyond.split() else "documented"
                yield f"{resource.root}: no field {'.'.join(path)} ({where}); ask Clarus for it"
                break
            holder = output[holder][name]
    for name in resource.filters:
        if name not in inputs.get(resource.filter_type, set()):
            yield f"{resource.root}: no filter {name} in {resource.filter_type}"


def field_paths(selection: str) -> Iterator[tuple[str, ...]]:
    """The fields of a selection: `id product { code }` gives (id), (product, code)."""
    holders: list[str] = []
    words = re.findall(r"\w+|[{}]", selection)
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "}":
            holders.pop()
        elif following == "{":
            holders.append(word)
        elif word != "{":
            yield (*holders, word)
