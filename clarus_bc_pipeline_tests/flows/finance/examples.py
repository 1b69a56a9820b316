"""Orders with money in and out, for the rules' tests: one at a time, or any that hypothesis makes up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from clarus_bc_pipeline.flows.finance.rules import Line, OrderFacts, Payment, Refund, RefundItem, Returned, Sent
from clarus_bc_pipeline.flows.returns.currency import decimals

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
D = Decimal


def line(n: int = 1, *, quantity: int = 3, total: str = "10.00", tax: str = "1.67", kind: str = "physical") -> Line:
    return Line(n, f"SKU-{n}", kind, quantity, D(total), D(tax))


def order(*lines: Line, total: str = "13.50", tax: str = "2.25", currency: str = "GBP") -> OrderFacts:
    return OrderFacts(7, currency, D(total), D(tax), lines or (line(),))


def paid(amount: str, *, transaction: int | None = 1, days: float = 0) -> Payment:
    return Payment(NOON + timedelta(days=days), D(amount), transaction)


def sent(units: int, *, of: int = 1, key: str = "914/1", days: float = 1) -> Sent:
    return Sent(key, NOON + timedelta(days=days), ((of, units),))


def refund(
    amount: str, *, tax: str = "0", rma: str | None = None, units: int = 0, n: int = 1, days: float = 5
) -> Refund:
    items = (RefundItem("PRODUCT", 1, units, D(amount)),) if units else (RefundItem("ORDER", 7, 0, D(amount)),)
    return Refund(n, NOON + timedelta(days=days), rma, D(amount), D(tax), items)


@st.composite
def any_order(draw: st.DrawFn) -> OrderFacts:
    """An order with whatever may have become of it, in a currency of 0, 2 or 3 decimals."""
    currency = draw(st.sampled_from(["GBP", "JPY", "KWD"]))
    step = D(1).scaleb(-decimals(currency))

    def amount(most: int = 5000, least: int = 0) -> Decimal:
        return draw(st.integers(least, most)) * step

    at = st.integers(0, 60 * 24).map(lambda hours: NOON + timedelta(hours=hours))
    lines = tuple(
        Line(
            n, f"SKU-{n}", draw(st.sampled_from(["physical", "physical", "digital"])), draw(st.integers(0, 7)), t, t / 6
        )
        for n in range(1, draw(st.integers(1, 3)) + 1)
        for t in [amount()]
    )
    total = max(D(0), sum((each.total for each in lines), D(0)) + amount(900, -300))
    lefts = {each.order_product_id: each.quantity for each in lines if each.is_sent}
    despatches = []
    for n in range(draw(st.integers(0, 4))):
        units = tuple((i, k) for i, left in lefts.items() if (k := draw(st.integers(0, left))))
        lefts |= {i: lefts[i] - k for i, k in units}
        despatches.append(Sent(f"{900 + n}/1", draw(at), units))
    refunds = []
    for n in range(1, draw(st.integers(0, 3)) + 1):
        of = draw(st.sampled_from(lines))
        kind = draw(st.sampled_from(["PRODUCT", "SHIPPING", "ORDER"]))
        value = amount()
        item = RefundItem(kind, of.order_product_id, draw(st.integers(1, 5)), value)
        rma = draw(st.sampled_from([None, f"RMA-{n}"])) if kind == "PRODUCT" else None
        refunds.append(Refund(n, draw(at), rma, value, value / 6, (item,)))
    return OrderFacts(
        7,
        currency,
        total,
        total / 6,
        lines,
        tuple(despatches),
        tuple(Payment(draw(at), amount(9000, 1), n) for n in range(1, draw(st.integers(0, 2)) + 1)),
        tuple(refunds),
        tuple(Returned(r.rma, r.at, ((1, 1),), ((1, 1),)) for r in refunds if r.rma),
        draw(st.one_of(st.none(), at)),
    )
