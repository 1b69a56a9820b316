"""Tracking numbers for the scenario: made up, and right under our own rules.

What belongs here: making a number for a carrier. What does not: any format or check digit (those are read by
`flows/despatch/tracking.py`). They are no real parcels, though a carrier may one day issue the same digits.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from clarus_bc_pipeline.flows.despatch.tracking import Verdict, check_tracking

# `#` any digit, `@` any letter, `?` the check character; all else stands for itself. Every carrier of ours
# that has a format is here, with the shapes that a UK warehouse sees.
_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "royal-mail": ("R@########?GB", "C@########?GB"),
    "parcelforce": ("@@#######", "@@@@##########"),
    "evri": ("################", "H##@@@@#########"),
    "dpd-uk": ("15############", "##############?"),
    "dpd-local": ("15############",),
    "yodel": ("JD################", "JJD################"),
    "ups": ("1Z@##@########68#?", "1Z###@##68#######?"),
    "fedex": ("###########?", "##############?"),
    "dhl": ("#########?", "JJD##########"),
    "apc": ("20261124##############",),
    "tuffnells": ("##########",),
    "amazon": ("TBA############",),
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CHECKS = "0123456789" + _LETTERS


def make_tracking_number(carrier_key: str, rng: random.Random) -> str:
    """A number that `check_tracking` finds valid for `carrier_key`, the same for the same state of `rng`.

    Raises `ValueError` for a carrier without a format (DX, DHL Parcel UK) and for one that is not ours.
    """
    if carrier_key not in _PATTERNS:
        raise ValueError(f"no tracking number for carrier {carrier_key!r}: use one of {', '.join(_PATTERNS)}")
    pattern = rng.choice(_PATTERNS[carrier_key])
    drawn = "".join(_draw(place, rng) for place in pattern)
    # The rule itself says which check character is right; it has one for every serial number.
    candidates = (drawn.replace("?", check) for check in _CHECKS) if "?" in drawn else iter((drawn,))
    return next(each for each in candidates if check_tracking(carrier_key, each).verdict is Verdict.VALID)


def _draw(place: str, rng: random.Random) -> str:
    match place:
        case "#":
            return rng.choice("0123456789")
        case "@":
            return rng.choice(_LETTERS)
        case _:
            return place
