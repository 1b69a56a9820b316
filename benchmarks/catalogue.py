"""The catalogue compare: its seconds and memory at 100,000 against 100,000 SKUs, and how good its suggestions are.

What belongs here: measuring. The big catalogues are made up, from a fixed seed; every hundredth SKU is damaged in one
of the ways that are found in real ones. The pairs are real (products of two American shops, matched by people, and
SKUs that a sales channel wrote differently from the stock list); their files lie beside the repository and are not
shipped, so that part is left out where they are absent. Rapidfuzz alone is run from the peers' own environment.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import resource
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from clarus_bc_pipeline.flows.catalogue.comparing import Catalogues, compared
from clarus_bc_pipeline.flows.catalogue.faults import Item
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.catalogue.suggesting import suggest_pairs
from clarus_bc_pipeline.settings import SkuSettings

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
DATA = ROOT.parent / "shared" / "data" / "catalogue"
SURE = 0.7  # a suggestion that a person is asked to look at first


def run(*, skus: int = 100_000) -> dict[str, Any]:
    """The compare, then the suggestions where the real pairs are there."""
    shop, clarus = _made_up(skus)
    before = _peak_mib()
    started, worked = time.monotonic(), time.process_time()
    findings = compared(Catalogues(shop, clarus), SkuMap(SkuSettings()), store="bench")
    seconds, cpu = time.monotonic() - started, time.process_time() - worked
    return {
        "skus": skus,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_mib": round(_peak_mib()),
        "peak_before_mib": round(before),
        "findings": len(findings),
        "suggested": sum(1 for finding in findings if finding.evidence.get("suggested")),
        "pairs": {name: _judged(*given) for name, given in _real_pairs().items()},
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets."""
    size = f"{result['skus']:,} x {result['skus']:,} SKUs compared"
    found = [
        Figure(size, result["seconds"], "s", at_most=10),
        Figure(f"{size}, peak memory", result["peak_mib"], "MiB", at_most=1024),
    ]
    for name, by in result["pairs"].items():
        peer = by.get("rapidfuzz")
        for what in ("precision", "recall"):
            beside = f"exact {by['exact'][what]:.3f}; rapidfuzz" if peer else f"exact {by['exact'][what]:.3f}"
            value = peer[what] if peer else None
            found.append(Figure(f"suggested, {name}: {what}", by["ours"][what], "", beside=beside, beside_value=value))
    return found


def _made_up(n: int) -> tuple[list[Item], list[Item]]:
    dice = random.Random(4)
    colours = ("Red", "Blue", "Green", "Black", "Ivory", "Teal")
    things = ("Mug", "Lamp", "Cushion", "Parasol", "Kettle", "Clock", "Basket", "Frame", "Candle", "Tin")
    shop, clarus = [], []
    for k in range(n):
        code = dice.choice((f"{k:08}", f"{dice.choice(things)[:3].upper()}-{k}-{dice.choice('SML')}"))
        name = f"{dice.choice(colours)} {dice.choice(things)} {dice.randrange(n)}"
        digits = f"50{k:010}"
        barcode = digits + str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10)
        clarus.append(Item(code, name, barcode if k % 3 else ""))
        shop.append(Item(_damaged(code, k // 100, dice) if k % 100 == 0 else code, name, barcode if k % 2 else ""))
    return shop, clarus


def _damaged(code: str, kind: int, dice: random.Random) -> str:
    ways = (code.lstrip("0"), code.lower(), f"{code} ", code.replace("A", "А"), code.replace("-", ""), f"{code}X")
    way = ways[kind % len(ways)]
    return way if way != code else f"GONE-{dice.randrange(10**9)}"


def _real_pairs() -> Mapping[str, tuple[list[Item], list[Item], set[tuple[str, str]]]]:
    """(one side, the other, the true pairs) by name. Both sides hold what has no partner, too."""
    if not DATA.exists():
        return {}
    left: dict[str, Item] = {}
    right: dict[str, Item] = {}
    with gzip.open(DATA / "electronics_listings.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            side = left if row["side"] == "walmart" else right
            if row["sku"]:
                side.setdefault(row["sku"], Item(row["sku"], f"{row['brand']} {row['title']}"))
    rows = _rows("sku_match_pairs_walmart_amazon.csv")
    truth = {(r["sku_a"], r["sku_b"]) for r in rows if r["sku_a"] in left and r["sku_b"] in right}
    channel = [r for r in _rows("apparel_channel_skus.csv") if r["sku"]]
    with gzip.open(DATA / "apparel_stock.csv.gz", "rt", encoding="utf-8") as file:
        stock = sorted({row["sku"] for row in csv.DictReader(file) if row["sku"]})
    kept = set(stock)
    return {
        "electronics": (list(left.values()), list(right.values()), truth),
        "apparel": (
            [Item(sku) for sku in sorted({r["sku"] for r in channel})],
            [Item(sku) for sku in stock],
            {(r["sku"], r["stock_match"]) for r in channel if r["stock_match"] in kept},
        ),
    }


def _judged(one: list[Item], other: list[Item], truth: set[tuple[str, str]]) -> dict[str, Any]:
    """Precision and recall of exact matches, of ours (exact and suggested), and of rapidfuzz alone.

    Precision counts the pairs of which one side is in a true pair. Of the others the data does not say enough (its list
    of true pairs is a part of the whole): they are counted beside it as `not_judged`.
    """
    codes = {item.code for item in other}
    exact = {(item.code, item.code) for item in one if item.code in codes}
    rest = {code for code, _ in exact}
    started = time.monotonic()
    pairs = suggest_pairs([i for i in one if i.code not in rest], [i for i in other if i.code not in rest])
    seconds = time.monotonic() - started
    ours = exact | {(pair.sku, pair.code) for pair in pairs if pair.confidence >= SURE}
    judged = {
        "true_pairs": len(truth),
        "exact": _score(exact, truth),
        "ours": {**_score(ours, truth), "seconds": round(seconds, 2)},
        "ours_all_suggested": _score(exact | {(pair.sku, pair.code) for pair in pairs}, truth),
    }
    if (fuzzy := _rapidfuzz([i.code for i in one], [i.code for i in other])) is not None:
        judged["rapidfuzz"] = _score(fuzzy, truth)
    return judged


def _score(found: Iterable[tuple[str, str]], truth: set[tuple[str, str]]) -> dict[str, float]:
    ones, others = {a for a, _ in truth}, {b for _, b in truth}
    found = set(found)
    known = {(a, b) for a, b in found if a in ones or b in others}
    right = len(known & truth)
    return {
        "precision": round(right / len(known), 3) if known else 0.0,
        "recall": round(right / len(truth), 3),
        "not_judged": len(found - known),
    }


def _rapidfuzz(one: list[str], other: list[str]) -> set[tuple[str, str]] | None:
    """The best match of each code by rapidfuzz's ratio, from 90 of 100; None where it is not installed."""
    if not PEERS.exists():
        return None
    script = (
        "import json,sys\nfrom rapidfuzz import fuzz,process\na,b=json.load(sys.stdin)\n"
        "print(json.dumps([(x,m[0]) for x in a if (m:=process.extractOne(x,b,scorer=fuzz.ratio,score_cutoff=90))]))"
    )
    done = subprocess.run(
        [str(PEERS), "-c", script], input=json.dumps([one, other]), capture_output=True, text=True, check=False
    )
    if done.returncode:
        if "No module named 'rapidfuzz'" in done.stderr:
            return None
        raise RuntimeError(f"rapidfuzz failed: {done.stderr[-1000:]}")
    return {(a, b) for a, b in json.loads(done.stdout)}


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kB on Linux
