"""The double's API by itself: what it lets a client do, what its filters find, and the log that judges
others.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.sandbox.bigcommerce import served
from clarus_bc_pipeline.sandbox.clarus import Parcel, WarehouseWorld, clarus_app
from clarus_bc_pipeline.sandbox.clarus.tables import Table
from clarus_bc_pipeline_tests.sandbox.warehouse_world import NOON, new_world, status

FORM = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}


@pytest.fixture
def world() -> WarehouseWorld:
    return new_world()


@pytest.fixture
def order(world: WarehouseWorld) -> int:
    return world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 3, "7"), ("TIN", 1, "8")])


@pytest.fixture
def http(world: WarehouseWorld) -> Iterator[httpx.Client]:
    """A signed-in caller without our client's manners."""
    headers = {"X-Clarus-Subdomain": "sandbox"}
    with served(clarus_app(world)) as url, httpx.Client(base_url=url, headers=headers) as client:
        token = client.post("/oauth/token", data=FORM).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def body(**attributes: Any) -> dict[str, Any]:
    given = {
        "goods_out_type": "sales_order", "account_id": 1, "reference": "BC-9",
        "expected_date_of_dispatch": "2026-11-24T17:00:00Z",
        "lines_changes": [{"type": "ADD", "attributes": {"product_id": 1, "order_quantity": 1}}],
    }  # fmt: skip
    return {"data": {"type": "goods_outs", "attributes": {**given, **attributes}}}


@pytest.mark.parametrize(
    ("floor", "code", "left"),
    [
        ([], 200, None),
        (["allocate"], 200, "CANCELLED"),
        (["pick"], 200, "CANCELLED"),
        (["despatch"], 422, "COMPLETED"),
        (["cancel"], 422, "CANCELLED"),
    ],
    ids=["pending", "allocated", "being picked", "completed", "cancelled"],
)
def test_cancelling_depends_on_how_far_the_order_is(
    world: WarehouseWorld, http: httpx.Client, order: int, floor: list[str], code: int, left: str | None
) -> None:
    for step in floor:
        getattr(world, step)(order)
    assert http.post(f"/api/goods_outs/{order}/cancel").status_code == code
    assert (status(world, order) if order in world.goods_outs.rows else None) == left


def test_cancelling_gives_the_stock_back(world: WarehouseWorld, http: httpx.Client, order: int) -> None:
    world.allocate(order)
    http.post(f"/api/goods_outs/{order}/cancel")
    assert [line["allocated_quantity"] for line in world.lines(order)] == [0, 0]


def test_an_order_that_has_begun_to_leave_cannot_be_cancelled(
    world: WarehouseWorld, http: httpx.Client, order: int
) -> None:
    world.despatch(order, {world.lines(order)[0]["id"]: 1})
    assert http.post(f"/api/goods_outs/{order}/cancel").status_code == 422
    assert status(world, order) == "PICK"


def test_only_an_untouched_order_can_be_deleted(world: WarehouseWorld, http: httpx.Client, order: int) -> None:
    world.allocate(order)
    assert http.delete(f"/api/goods_outs/{order}").status_code == 422
    untouched = world.create_goods_out("ACME", "WHS01", "BC-2", [("MUG", 1)], status="DRAFT")
    assert http.delete(f"/api/goods_outs/{untouched}").status_code == 204
    assert http.delete(f"/api/goods_outs/{untouched}").status_code == 404


@pytest.mark.parametrize(
    ("attributes", "symbol"),
    [
        ({"reference": "B" * 51}, "too_long"),
        ({"reference": None}, "blank"),
        ({"account_id": 9}, "not_found"),
        ({"warehouse_id": 9}, "not_found"),
        ({"priority": 0}, "invalid"),
        ({"priority": "high"}, "invalid"),
        ({"colour": "blue"}, "unknown_attribute"),
        (
            {"lines_changes": [{"type": "ADD", "attributes": {"product_id": 9, "order_quantity": 1}}]},
            "not_found",
        ),
        (
            {"lines_changes": [{"type": "ADD", "attributes": {"product_id": 2, "order_quantity": 1}}]},
            "not_found",
        ),
        (
            {"lines_changes": [{"type": "ADD", "attributes": {"product_id": 1, "order_quantity": 0}}]},
            "invalid",
        ),
    ],
)
def test_a_wrong_order_is_refused_whole(
    world: WarehouseWorld, http: httpx.Client, attributes: dict[str, Any], symbol: str
) -> None:
    reply = http.post("/api/goods_outs", json=body(**attributes))
    assert (reply.status_code, reply.json()["errors"][0]["symbol"]) == (422, symbol)
    assert not world.goods_outs.rows
    assert not world.goods_out_lines.rows


def test_a_draft_is_made_by_its_status_id(world: WarehouseWorld, http: httpx.Client) -> None:
    created = http.post("/api/goods_outs", json=body(goods_out_status_id=1)).json()["data"]["id"]
    assert status(world, created) == "DRAFT"


def test_lines_are_added_and_taken_away_by_an_update(world: WarehouseWorld, http: httpx.Client, order: int) -> None:
    mug, tin = world.lines(order)
    changes = [
        {"type": "ADD", "attributes": {"product_id": 3, "order_quantity": 5}},
        {"type": "DESTROY", "id": mug["id"]},
    ]
    update = {"data": {"type": "goods_outs", "attributes": {"lines_changes": changes}}}
    assert http.patch(f"/api/goods_outs/{order}", json=update).status_code == 200
    assert [line["order_quantity"] for line in world.lines(order)] == [tin["order_quantity"], 5]


def test_an_ended_token_and_a_missing_tenant_are_401(world: WarehouseWorld, http: httpx.Client) -> None:
    assert http.post("/graphql", json={}, headers={"X-Clarus-Subdomain": "x"}).status_code == 401
    world.now = lambda: NOON + timedelta(seconds=world.token_seconds)
    reply = http.post("/graphql", json={})
    assert (reply.status_code, list(reply.json())) == (401, ["error"])


def test_two_tenants_on_one_port_do_not_see_each_other() -> None:
    one, other = new_world(subdomain="one"), new_world(subdomain="other")
    with served(clarus_app(one, other)) as url, httpx.Client(base_url=url) as client:
        token = client.post("/oauth/token", data=FORM, headers={"X-Clarus-Subdomain": "one"}).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "X-Clarus-Subdomain": "other"}
        assert client.post("/graphql", json={}, headers=headers).status_code == 401


# --- GraphQL ---


def ask(http: httpx.Client, root: str, filter_text: str, fields: str = "id", page: str = "") -> dict[str, Any]:
    nodes = f"pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {fields} }} }}"
    query = f"{{ {root} {{ all(filter: {filter_text}{page}) {{ {nodes} }} }} }}"
    reply = http.post("/graphql", json={"query": query})
    assert reply.status_code == 200
    result: dict[str, Any] = reply.json()
    return result


def ids(reply: dict[str, Any], root: str) -> list[int]:
    return [int(edge["node"]["id"]) for edge in reply["data"][root]["all"]["edges"]]


@pytest.mark.parametrize(
    ("root", "filter_text"),
    [
        ("goods_outs", '{updated_at: {from: "2026-01-01"}}'),
        ("goods_outs", "{id: {in: [1]}}"),
        ("goods_outs", '{reference: {gt: "A"}}'),
        ("goods_out_lines", "{goods_out_status_code: {eq: FROZEN}}"),
    ],
)
def test_an_undocumented_filter_or_operator_is_an_error_in_a_200_without_data(
    http: httpx.Client, root: str, filter_text: str
) -> None:
    reply = ask(http, root, filter_text)
    assert "data" not in reply
    assert reply["errors"]


@pytest.mark.parametrize(
    ("filter_text", "expected"),
    [
        ('{reference: {eq: "BC-2"}}', [2]),
        ('{reference: {in: ["BC-3", "BC-1", "BC-1", "X"]}}', [1, 3]),
        ('{reference: {ilike: "bc-"}}', [1, 2, 3]),
        ('{reference: {like: "bc-"}}', []),
        ('{reference: {between: ["BC-2", "BC-3"]}}', [2, 3]),
        ('{goods_out_status_code: {in: ["PICK"]}}', [2]),
        ('{goods_out_status_code: {eq: "PENDING"}, account_id: {eq: "1"}}', [1]),
        ("{account_id: {gteq: 2}}", [3]),
        ("{carrier_id: {filled: false}}", [1, 2, 3]),
        ('{expected_date_of_dispatch: {to: "2026-11-24T12:00:00Z"}}', [1, 2, 3]),
        ("{}", [1, 2, 3]),
    ],
)
def test_the_documented_filters_find_what_they_say(
    world: WarehouseWorld, http: httpx.Client, filter_text: str, expected: list[int]
) -> None:
    for number, account in enumerate(("ACME", "ACME", "BETA"), start=1):
        world.create_goods_out(account, "WHS01", f"BC-{number}", [("MUG", 1)])
    world.pick(2)
    assert ids(ask(http, "goods_outs", filter_text), "goods_outs") == expected


def test_pages_follow_one_another_by_their_cursor(world: WarehouseWorld, http: httpx.Client) -> None:
    for number in range(5):
        world.create_goods_out("ACME", "WHS01", f"BC-{number}", [("MUG", 1)])
    seen: list[list[int]] = []
    page = ", first: 2"
    while True:
        reply = ask(http, "goods_outs", "{}", page=page)
        seen.append(ids(reply, "goods_outs"))
        info = reply["data"]["goods_outs"]["all"]["pageInfo"]
        if not info["hasNextPage"]:
            break
        page = f', first: 2, after: "{info["endCursor"]}"'
    assert seen == [[1, 2], [3, 4], [5]]


def test_transactions_are_found_from_a_moment_on_whatever_their_sequence(
    world: WarehouseWorld, http: httpx.Client
) -> None:
    for minutes in (30, 10, 20):
        order = world.create_goods_out("ACME", "WHS01", f"BC-{minutes}", [("MUG", 1)])
        world.despatch(order, at=NOON + timedelta(minutes=minutes))
    reply = ask(http, "transactions", '{created_at: {from: "2026-11-24T12:20:00Z"}}', "id subtype created_at")
    nodes = [edge["node"] for edge in reply["data"]["transactions"]["all"]["edges"]]
    assert [node["created_at"] for node in nodes] == ["2026-11-24T12:30:00Z", "2026-11-24T12:20:00Z"]


@given(
    rows=st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ABC")), max_size=12),
    changes=st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["A", "B", "C", None])), max_size=12),
)
def test_an_indexed_filter_finds_what_a_look_at_every_row_finds(
    rows: list[tuple[int, str]], changes: list[tuple[int, str | None]]
) -> None:
    table = Table({"code": ("code",), "owner_id": ("owner", "id")}, indexed=["code"])
    for owner, code in rows:
        table.add({"owner": {"id": owner}, "code": code})
    for number, new_code in changes:  # None: the record goes
        if number in table.rows and new_code is None:
            table.remove(table.rows[number])
        elif number in table.rows:
            table.change(table.rows[number], code=new_code)
    for wanted in ("A", "B", "C"):
        found = table.select({"code": {"in": [wanted]}, "owner_id": {"in": ["1", "2"]}})
        assert found == [
            row for row in table.rows.values() if row["code"] == wanted and row["owner"]["id"] in (1, 2)
        ]  # fmt: skip


# --- the log ---


def test_the_log_tells_every_request_and_every_unit_that_left(
    world: WarehouseWorld, http: httpx.Client, order: int
) -> None:
    ask(http, "goods_outs", "{}")
    http.post("/api/goods_outs", json=body())
    http.post("/api/goods_outs/99/cancel")
    world.despatch(order, parcels=[Parcel("DPD", "1")])
    counts = http.get("/_sandbox/counts").json()
    assert (counts["POST /graphql"], counts["POST /api/goods_outs"], counts["status 404"]) == (1, 1, 1)
    assert [(e["path"], e["applied"]) for e in http.get("/_sandbox/log").json()][-2:] == [
        ("/api/goods_outs", True), ("/api/goods_outs/99/cancel", False),
    ]  # fmt: skip
    left = http.get("/_sandbox/despatched").json()
    assert [(d["reference"], d["product_code"], d["quantity"]) for d in left] == [
        ("BC-1", "MUG", 3), ("BC-1", "TIN", 1),
    ]  # fmt: skip


def test_an_app_needs_a_tenant() -> None:
    with pytest.raises(ValueError, match="at least one WarehouseWorld"):
        clarus_app()
