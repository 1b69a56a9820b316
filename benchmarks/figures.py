"""What a measure comes to: a number beside its target, and where there is one, a peer or a floor of the same run.

What belongs here: the value and how it is judged. What does not: measuring (each measure's module) and printing
(`__main__.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`ours` in `unit`; `beside_value` is what `beside` came to. Without a bound it is reported and not judged."""

    measure: str
    ours: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    beside: str = ""
    beside_value: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.beside_value if self.beside_value else None

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return f">= {self.at_least:g}" if self.at_least is not None else ""

    @property
    def met(self) -> bool | None:
        if self.at_most is not None:
            return self.ours <= self.at_most
        return self.ours >= self.at_least if self.at_least is not None else None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "target": self.target, "met": self.met}
