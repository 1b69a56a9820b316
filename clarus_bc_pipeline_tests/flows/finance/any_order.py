"""Orders with any history of payments, despatches, refunds and returns, for hypothesis.

What belongs here: strategies. What does not: what must hold of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from clarus_bc_pipeline.flows.finance.rules import (
    Despatch,
    Line,
    Order,
    Payment,
    Policy,
    Refund,
    RefundItem,
    Return,
    ReturnedLine,
)
from clarus_bc_pipeline.flows.returns.currency import decimals

START = datetime(2026, 9, 1, tzinfo=UTC)
END = datetime(2027, 3, 1, tzinfo=UTC)
LINES = (1, 2)

times = st.integers(0, 24 * 120).map(lambda hours: START + timedelta(hours=hours))
policies = st.builds(
    Policy,
    recognised_after=st.sampled_from([timedelta(0), timedelta(days=2)]),
    unit_costs=st.sampled_from([{}, {"SKU-1": Decimal("1.237")}]),
    cost_share=st.sampled_from([Decimal(0), Decimal("0.4")]),
)


@st.composite
def orders(draw: st.DrawFn, *, may_over_refund: bool = True) -> Order:
    """Histories that are possible and such that should not be: units beyond the order, refunds beyond the money."""
    currency = draw(st.sampled_from(["GBP", "JPY", "KWD"]))
    unit = Decimal(1).scaleb(-decimals(currency))

    def money(most: int) -> Decimal:
        return draw(st.integers(0, most)) * unit

    lines = []
    for number in LINES:
        total = money(5000)
        lines.append(Line(number, f"SKU-{number}", draw(st.integers(1, 7)), total, min(total, money(900))))
    total = sum((line.total for line in lines), Decimal(0)) + money(500)
    tax = min(total, sum((line.tax for line in lines), Decimal(0)) + money(90))
    units = st.fixed_dictionaries({}, optional={number: st.integers(1, 4) for number in (*LINES, 99)})
    despatches = tuple(Despatch(900 + n, 1, draw(times), draw(units)) for n in range(draw(st.integers(0, 4))))
    payments = tuple(Payment(n, draw(times), money(6000)) for n in range(draw(st.integers(0, 2))))
    refunds = []
    for n in range(draw(st.integers(0, 3))):
        amount = money(4000 if may_over_refund else 500)
        item = st.builds(
            RefundItem,
            item_type=st.sampled_from(["PRODUCT", "SHIPPING", "ORDER"]),
            item_id=st.sampled_from(LINES),
            units=st.integers(0, 3),
            amount=st.integers(0, 3000).map(lambda each: each * unit),
        )
        items = tuple(draw(st.lists(item, max_size=3)))
        rma = draw(st.sampled_from([None, "RMA-1"]))
        refunds.append(Refund(n, draw(times), amount, min(amount, money(500)), rma, items))
    returns = []
    for n in range(draw(st.integers(0, 2))):
        received, sellable, damaged = (draw(st.integers(0, 3)) for _ in range(3))
        at = draw(times)
        inspected = draw(st.sampled_from([None, at + timedelta(days=1)]))
        back = ReturnedLine(draw(st.sampled_from(LINES)), received, sellable, damaged)
        returns.append(Return(f"RMA-{n}", at, inspected, (back,)))
    return Order(
        7, currency, total, tax, END - timedelta(days=1), draw(st.booleans()), tuple(lines), payments, despatches,
        tuple(refunds), tuple(returns),
    )  # fmt: skip
