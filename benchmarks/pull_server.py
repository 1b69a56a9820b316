"""Orders from memory, served by a process of its own: `python -m benchmarks.pull_server ORDERS LINES`.

What belongs here: GET /stores/{hash}/v2/orders by `min_date_modified` (as our pull asks) and by `page` (as dlt asks),
both from the same bytes encoded beforehand. What does not: a shop's behaviour (the double). Orders are a second apart,
in the shape that the double gives to `consignments.line_items`. Prints its port when it is ready.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from benchmarks.worlds import ADDRESS
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, wire

FIRST_CHANGE = datetime(2026, 1, 1, tzinfo=UTC)
ORDER, LINE, SECOND = (
    7_000_001,
    7_100_001,
    "Thu, 01 Jan 2026 00:00:00 +0000",
)  # of the template; found nowhere else in it


def encoded_orders(count: int, *, lines: int) -> list[bytes]:
    """Each order's JSON, ids 1.. and one second apart, made from one real encoding of the double."""
    shop = ShopWorld()
    shop.add_order({
        "id": ORDER, "status_id": 11, "payment_status": "captured", "created_at": FIRST_CHANGE,
        "addresses": [{**ADDRESS, "id": 7_200_001}],
        "lines": [{"id": LINE + n, "sku": f"SKU-{n}", "name": "Thing", "quantity": 2} for n in range(lines)],
    })  # fmt: skip
    template = shop.json(shop.orders[ORDER], "lines", "http://127.0.0.1/stores/bench").decode()
    made = []
    for number in range(1, count + 1):
        text = template.replace(str(ORDER), str(number)).replace("7200001", str(number))
        for n in range(lines):
            text = text.replace(str(LINE + n), str(number * 10 + n))
        made.append(text.replace(SECOND, wire.rfc2822(FIRST_CHANGE + timedelta(seconds=number))).encode())
    return made


class _Orders(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, GET only: as little as it takes, so that the server is not what is measured."""

    orders: list[bytes]
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while b"\r\n\r\n" in self.waiting:
            head, self.waiting = self.waiting.split(b"\r\n\r\n", 1)
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        rows = self._page(query)
        body = b"[" + b",".join(rows) + b"]"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)

    def _page(self, query: dict[str, str]) -> list[bytes]:
        limit = int(query.get("limit", 50))
        if query.get("sort", "").endswith(":desc"):
            return self.orders[-limit:][::-1]
        start = (int(query.get("page", 1)) - 1) * limit
        if since := query.get("min_date_modified"):
            start += max(0, int((_moment(since) - FIRST_CHANGE).total_seconds()) - 1)
        return self.orders[start : start + limit]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _serve(orders: list[bytes]) -> None:
    _Orders.orders = orders
    server = await asyncio.get_running_loop().create_server(_Orders, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(encoded_orders(int(sys.argv[1]), lines=int(sys.argv[2]))))
