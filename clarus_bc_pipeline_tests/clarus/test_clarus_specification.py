"""Every request that the client sends and every reply that the double gives, held against the specifications.

Our own description ships with the package and is always checked; the vendor's facts are checked where their
folder is there.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest
import yaml
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLObjectType, get_named_type

import clarus_bc_pipeline
from clarus_bc_pipeline.clarus import balances, goods_outs, products, receipts, shipments, tenant_schema, transactions
from clarus_bc_pipeline.clarus.fields import RESOURCES
from clarus_bc_pipeline.http import AuthFailed, Gone, Refused
from clarus_bc_pipeline.sandbox.clarus.filters import FILTERS
from clarus_bc_pipeline.sandbox.clarus.reads import schema
from clarus_bc_pipeline.sandbox.faults import Entry
from clarus_bc_pipeline_tests.bigcommerce.openapi_truth import Specification
from clarus_bc_pipeline_tests.clarus.conftest import NOON, Warehouse
from clarus_bc_pipeline_tests.clarus.test_clarus_goods_outs import payload

PACKAGE = Path(clarus_bc_pipeline.__file__).parent
OWN = PACKAGE / "sandbox" / "specs" / "clarus.yaml"
VENDOR = PACKAGE.parent.parent / "shared" / "specs" / "clarus"
NATIVE = VENDOR / "clarus-native.openapi.yaml"
GRAPHQL_PAGES = VENDOR / "clarus-api.json"
needs_vendor = pytest.mark.skipif(not NATIVE.exists(), reason="the vendor's specifications are not here")

ROOTS: dict[str, Any] = yaml.safe_load(OWN.read_text())["x-graphql"]["roots"]
OPERATORS: dict[str, Any] = yaml.safe_load(OWN.read_text())["x-graphql"]["operators"]


@pytest.fixture
def conversation(warehouse: Warehouse) -> list[Entry]:
    """All calls that the client can make, and all refusals that the double gives."""
    api, world = warehouse.client(), warehouse.world
    assert (api.account_id, api.warehouse_id) == (1, 1)
    first = goods_outs.create_goods_out(api, payload()).id
    goods_outs.update_goods_out(api, first, {"packing_notes": "Double wrap"})
    sent = world.despatch(first, parcels=[{"carrier": "DPD", "tracking": "1"}])
    second = goods_outs.create_goods_out(api, payload(reference="BC-2")).id
    goods_outs.cancel_goods_out(api, second)
    third = goods_outs.create_goods_out(api, payload(reference="BC-3")).id
    world.allocate(third)
    goods_outs.cancel_goods_out(api, third)
    goods_outs.goods_outs_by_reference(api, ["BC-10432", "BC-2"])
    goods_outs.goods_outs_with_status(api, ["PENDING", "CANCELLED"])
    goods_outs.lines_of(api, [first, third])
    shipments.shipments_of(api, [first])
    shipments.packages_of(api, sent)
    transactions.transactions_since(api, NOON)
    list(products.pull_products(api))
    list(balances.pull_balances(api))
    balances.balances_of(api, [1, 2])
    products.products_by_code(api, ["MUG"])
    returned: dict[str, Any] = {"account_id": 1, "warehouse_id": 1, "kind": "return", "reference": "RMA-1-1"}
    receipt = receipts.create_receipt(api, receipts.return_receipt_payload(**returned, lines=[(1, 2, "501")])).id
    world.receive_return(receipt, {"501": 2})
    world.grade(receipt, "501", "A", 1)
    receipts.receipts_by_reference(api, ["RMA-1-1"])
    receipts.returns_open(api, "return", receipts.RECEIPT_STATUSES)
    receipts.received_stock_of(api, [receipt])
    with pytest.raises(Refused):
        receipts.create_receipt(api, receipts.return_receipt_payload(**returned, lines=[(99, 1, "501")]))
    tenant_schema.check_schema(api)
    api.write("POST", "/products", {"data": {"type": "products", "attributes": {"code": "LAMP"}}})
    api.write("PATCH", "/products/1", {"data": {"type": "products", "attributes": {"barcode": "1"}}})
    spare = goods_outs.create_goods_out(api, payload(reference="BC-4")).id
    api.write("DELETE", f"/goods_outs/{spare}")
    with pytest.raises(Refused):
        goods_outs.cancel_goods_out(api, first)
    with pytest.raises(Refused):
        goods_outs.create_goods_out(api, payload(lines=[(99, 1, "1")]))
    with pytest.raises(Gone):
        goods_outs.update_goods_out(api, 99, {"priority": 1})
    with pytest.raises(Refused):
        api.graphql("query { nothing }")
    world.tokens.clear()
    goods_outs.lines_of(api, [first])
    with pytest.raises(AuthFailed):
        goods_outs.lines_of(warehouse.client(secret="wrong"), [first])
    return world.log.entries()


@pytest.mark.parametrize("file", [OWN, pytest.param(NATIVE, marks=needs_vendor)], ids=["own", "vendor"])
def test_what_is_sent_and_answered_is_as_described(conversation: list[Entry], file: Path) -> None:
    specification = Specification(file)
    complaints = [
        words
        for entry in conversation
        for words in (_form(specification, entry) if entry.path == "/oauth/token" else specification.complaints(entry))
    ]
    assert complaints == []


def test_the_conversation_reaches_every_path_that_is_described(conversation: list[Entry]) -> None:
    described = {
        (method.upper(), re.sub(r"\{id\}", "{id}", path))
        for path, item in yaml.safe_load(OWN.read_text())["paths"].items()
        for method in item
        if method != "parameters"
    }
    heard = {(entry.method, re.sub(r"/[0-9]+", "/{id}", entry.path)) for entry in conversation}
    assert heard == described
    assert {entry.status for entry in conversation} == {200, 204, 401, 404, 422}


def test_a_wrong_body_would_be_noticed(conversation: list[Entry]) -> None:
    entry = next(e for e in conversation if e.method == "POST" and e.path == "/api/goods_outs")
    entry.request_body = entry.request_body.replace(b'"reference"', b'"refrence"')
    assert Specification(OWN).complaints(entry)


@needs_vendor
def test_of_an_announced_return_only_the_attribute_of_its_kind_is_not_published() -> None:
    schemas = json.loads(GRAPHQL_PAGES.read_text())["components"]["schemas"]
    body = receipts.return_receipt_payload(
        account_id=1, warehouse_id=1, reference="RMA-1-1", kind="return", lines=[(1, 2, "501")],
        expected_at=NOON, notes="1 x MUG: unwanted",
    )  # fmt: skip
    attributes = body["data"]["attributes"]
    published = set(schemas["GoodsInReceiptAttributes"]["properties"])
    assert set(attributes) - published == {receipts.KIND_ATTRIBUTE}
    line = schemas["GoodsInReceiptLineChange"]["properties"]["attributes"]["properties"]
    assert set(attributes["lines_changes"][0]["attributes"]) <= set(line)
    assert set(ROOTS["goods_in_receipt_lines"]["beyond"]) & set(line) == {
        "expected_quantity", "alt_line_reference", "stock_configuration", *(f"string{n}" for n in range(1, 6)),
    }  # fmt: skip


def _form(specification: Specification, entry: Entry) -> list[str]:
    content = specification.document["paths"]["/oauth/token"]["post"]["requestBody"]["content"]
    (form_schema,) = [each["schema"] for each in content.values()]
    form = dict(parse_qsl(entry.request_body.decode()))
    plain = Entry(**{**entry.as_json(), "request_body": b"", "reply_body": entry.reply_body})
    wrong = [error.message for error in jsonschema.Draft202012Validator(form_schema).iter_errors(form)]
    return wrong + specification.complaints(plain)


# --- GraphQL ---


def node_type(root: str) -> GraphQLObjectType:
    step = schema().query_type
    for name in (root, "all", "edges", "node"):
        assert isinstance(step, GraphQLObjectType)
        step = get_named_type(step.fields[name].type)
    assert isinstance(step, GraphQLObjectType)
    return step


@pytest.mark.parametrize("root", ROOTS)
def test_the_doubles_schema_has_the_described_fields_and_filters_and_no_more(root: str) -> None:
    described = ROOTS[root]
    assert set(node_type(root).fields) == {*described["fields"], *described.get("beyond", ())}
    filter_type = schema().type_map[described["filter_type"]]
    assert isinstance(filter_type, GraphQLInputObjectType)
    assert {name: str(field.type) for name, field in filter_type.fields.items()} == described["filters"]
    assert set(FILTERS[root]) == set(described["filters"])


@pytest.mark.parametrize("input_type", OPERATORS)
def test_the_doubles_filters_have_the_described_operators(input_type: str) -> None:
    held = schema().type_map[input_type]
    assert isinstance(held, GraphQLInputObjectType)
    assert set(held.fields) == set(OPERATORS[input_type])


@pytest.mark.parametrize("root", RESOURCES)
def test_the_client_asks_for_described_fields_and_filters_only(root: str) -> None:
    resource, described = RESOURCES[root], ROOTS[root]
    ours = {path[0] for path in tenant_schema.field_paths(resource.documented)}
    beyond = {path[0] for path in tenant_schema.field_paths(resource.beyond)}
    assert ours <= set(described["fields"])
    assert beyond == set(described.get("beyond", ()))
    assert set(resource.filters) <= set(described["filters"])
    assert resource.filter_type == described["filter_type"]


def test_an_in_filter_takes_a_list_wherever_it_is() -> None:
    for name in ("StringInputType", "IdInputType", "StatusCodeInputType", "SubtypeTypeInputType"):
        held = schema().type_map[name]
        assert isinstance(held, GraphQLInputObjectType)
        assert isinstance(held.fields["in"].type, GraphQLList)
    assert isinstance(schema().type_map["GoodsOutStatusCode"], GraphQLEnumType)


@needs_vendor
@pytest.mark.parametrize("root", [root for root, described in ROOTS.items() if described.get("published", True)])
def test_our_description_has_the_filters_and_fields_of_the_vendors_page(root: str) -> None:
    described = ROOTS[root]
    page = _vendor_page(root)
    table = {
        name: (kind, operators)
        for name, kind, operators in re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \|", page, re.MULTILINE)
    }
    assert {name: kind for name, (kind, _) in table.items()} == described["filters"]
    for kind, operators in table.values():
        assert set(re.findall(r"`(\w+)`", operators)) == set(OPERATORS[kind])
    assert f"$filter: {described['filter_type']})" in page
    query = page.partition("node {")[2].partition("```")[0]
    shown = {path[0] for path in tenant_schema.field_paths(f"node {{ {query}".partition("{")[2].rsplit("}", 6)[0])}
    assert set(described["fields"]) <= shown


def _vendor_page(root: str) -> str:
    paths = json.loads(GRAPHQL_PAGES.read_text())["paths"]
    name = "".join(part.capitalize() for part in root.split("_"))
    page: str = paths[f"/graphql#List{name}"]["post"]["x-mint"]["content"]
    return page
