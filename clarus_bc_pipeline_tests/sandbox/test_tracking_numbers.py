"""The scenario's tracking numbers are right under our own rules."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.despatch.carriers import CARRIERS
from clarus_bc_pipeline.flows.despatch.tracking import Verdict, carriers_formats, check_tracking
from clarus_bc_pipeline.sandbox.tracking import make_tracking_number

WITH_A_FORMAT = [key for key in CARRIERS if carriers_formats()[key].formats]
WITHOUT = [key for key in CARRIERS if key not in WITH_A_FORMAT]


@pytest.mark.parametrize("carrier", WITH_A_FORMAT)
@given(seed=st.integers(0, 2**32))
def test_every_number_made_is_valid_for_its_carrier(carrier: str, seed: int) -> None:
    number = make_tracking_number(carrier, random.Random(seed))
    check = check_tracking(carrier, number)
    assert (check.verdict, check.number) == (Verdict.VALID, number), check.reason


def test_the_same_seed_makes_the_same_numbers_and_each_is_new() -> None:
    def made(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [make_tracking_number("dpd-uk", rng) for _ in range(50)]

    assert made(7) == made(7)
    assert len(set(made(7))) == 50


@pytest.mark.parametrize("carrier", [*WITHOUT, "pigeon"])
def test_a_carrier_without_a_format_is_refused_by_name(carrier: str) -> None:
    with pytest.raises(ValueError, match=carrier):
        make_tracking_number(carrier, random.Random(1))
