"""What a route of the double is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clarus_bc_pipeline.sandbox.bigcommerce.world import ShopWorld


@dataclass(frozen=True, slots=True)
class Call:
    """A signed-in request. `ids` are the numbers in its path, in order; `body` is its JSON."""

    world: ShopWorld
    client: str
    ids: tuple[int, ...]
    query: Mapping[str, str]
    body: Any
    base_url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`content` is bytes of JSON, or a value to encode."""

    content: Any = None
    status: int = 200


Handler = Callable[[Call], Answer]
