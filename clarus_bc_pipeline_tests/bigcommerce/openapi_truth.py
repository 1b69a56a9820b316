"""Holds a request and its reply against an OpenAPI document.

What belongs here: finding the operation and validating. What does not: which documents, or what is sent.
Vendors' documents are loosened where they are known to be wrong: `oneOf` is read as `anyOf` (branches without
required fields overlap), `x-nullable` as `nullable`, and `sort` may carry the direction that only the prose
allows.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import msgspec
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from clarus_bc_pipeline.sandbox.faults import Entry


class Specification:
    """One document. `prefix` stands before its paths (v2 or v3) where its servers carry it."""

    def __init__(self, file: Path, *, prefix: str = "") -> None:
        self.name = file.name
        self.document = _as_json_schema(yaml.safe_load(file.read_text()))
        self._registry: Registry[Any] = Registry().with_resource(
            "urn:spec", Resource.from_contents(self.document, DRAFT202012)
        )
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", f"{prefix}{path}")), path) for path in self.document["paths"]
        ]
        self._paths.sort(key=lambda pair: pair[1].count("{"))

    def covers(self, entry: Entry) -> bool:
        return self._operation(entry) is not None

    def complaints(self, entry: Entry) -> list[str]:
        """What is wrong with the request or the reply, in words; empty when both are right."""
        operation = self._operation(entry)
        if operation is None:
            return [f"{entry.method} {entry.path}: not in {self.name}"]
        return [f"{entry.method} {entry.path}: {words}" for words in self._wrong(operation, entry)]

    def schema(self, name: str, value: object) -> list[str]:
        """What is wrong with `value` as components/schemas/`name`."""
        return self._check({"$ref": f"urn:spec#/components/schemas/{name}"}, value)

    def _wrong(self, operation: dict[str, Any], entry: Entry) -> list[str]:
        known = {p["name"]: p for p in map(self._resolved, operation.get("parameters", ())) if p["in"] == "query"}
        wrong: list[str] = []
        for name, text in parse_qsl(entry.query):
            if name not in known:
                wrong.append(f"query parameter {name} is not known")
            else:
                wrong += [f"query {name}: {w}" for w in self._check_query(known[name], name, text)]
        if entry.request_body:
            body = operation.get("requestBody")
            content = self._resolved(body)["content"] if body else None
            wrong += (
                self._check(content["application/json"]["schema"], msgspec.json.decode(entry.request_body))
                if content else ["has no body in the specification"]
            )  # fmt: skip
        reply = operation["responses"].get(str(entry.status))
        if reply is None:
            return [*wrong, f"status {entry.status} is not documented"] if entry.status == 200 else wrong
        content = self._resolved(reply).get("content") or {}
        if (schema := content.get(entry.reply_type.partition(";")[0], {}).get("schema")) is not None:
            wrong += self._check(schema, msgspec.json.decode(entry.reply_body))
        elif entry.reply_body:
            wrong.append("has a body where none is documented")
        return wrong

    def _check_query(self, parameter: dict[str, Any], name: str, text: str) -> list[str]:
        schema = self._resolved(parameter["schema"])
        if name == "sort":
            text = text if text in schema.get("enum", ()) else text.partition(":")[0]
        value: Any = text
        if "array" in schema.get("type", ()):
            value = text.split(",")
        elif {"integer", "number"} & {*schema.get("type", ())} or schema.get("type") in ("integer", "number"):
            value = int(text)
        return self._check(schema, value)

    def _check(self, schema: dict[str, Any], value: object) -> list[str]:
        validator = jsonschema.Draft202012Validator(
            _anchored(schema), registry=self._registry, format_checker=jsonschema.FormatChecker()
        )
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]

    def _operation(self, entry: Entry) -> dict[str, Any] | None:
        path = re.sub(r"^/stores/[^/]+", "", entry.path)
        for pattern, name in self._paths:
            if pattern.fullmatch(path):
                item = self.document["paths"][name]
                operation = item.get(entry.method.lower())
                if operation is not None:
                    shared = item.get("parameters", [])
                    return {**operation, "parameters": [*shared, *operation.get("parameters", [])]}
        return None

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].partition("#/")[2].split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node


def _anchored(schema: Any) -> Any:
    """The schema with local references pointing into the document."""
    if isinstance(schema, dict):
        return {
            key: f"urn:spec{value}" if key == "$ref" and str(value).startswith("#") else _anchored(value)
            for key, value in schema.items()
        }
    return [_anchored(each) for each in schema] if isinstance(schema, list) else schema


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0's own words put into JSON Schema's."""
    if isinstance(node, list):
        return [_as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    schema = {("anyOf" if key == "oneOf" else str(key)): _as_json_schema(value) for key, value in node.items()}
    if (schema.get("nullable") is True or schema.get("x-nullable") is True) and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    for key in ("example", "examples", "x-examples"):
        if not isinstance(schema.get(key), dict) or "type" not in schema.get(key, {}):
            schema.pop(key, None)
    return schema
