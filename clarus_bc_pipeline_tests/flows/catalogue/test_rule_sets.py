"""A rule set is accepted only when each Clarus code leads back to one SKU; a preview says what it would change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.catalogue.rule_sets import Changed, fingerprint, preview, prove
from clarus_bc_pipeline.flows.catalogue.rules import Resolved, SkuMap, SkuProblem, resolve_sku
from clarus_bc_pipeline.settings import SkuRule, SkuSettings
from clarus_bc_pipeline_tests.flows.catalogue.test_rules import map_of, rule, sku_maps, skus

AS_IS = map_of()


def test_skus_that_become_one_code_are_all_named() -> None:
    proof = prove(map_of(rule("strip_zeros")), ["0012", "12", "012", "7"])
    assert not proof.is_accepted
    assert proof.refused_because == '"0012", "012" and "12" all become "12"'


def test_a_sku_of_which_nothing_is_left_refuses_the_set() -> None:
    proof = prove(map_of(rule("map_characters", characters={"-": ""})), ["--", "A-1"])
    assert (proof.emptied, proof.is_accepted) == (("--",), False)


def test_the_tables_own_sharing_is_meant_but_a_rule_must_not_join_it() -> None:
    assert prove(map_of(a="X", b="X"), ["a", "b"]).shared == (("X", ("a", "b")),)
    assert prove(map_of(a="X", b="X"), ["a", "b"]).is_accepted
    assert not prove(map_of(rule("upper"), a="X"), ["a", "x"]).is_accepted


def test_a_preview_tells_new_lost_and_changed_pairs() -> None:
    then = map_of(rule("upper"), kept="KEPT2")
    seen = preview(AS_IS, then, ["a", "b", "kept", "SAME", "nowhere"], {"A", "b", "kept", "KEPT2", "SAME"})
    assert seen.new == (Changed("a", None, "A"),)
    assert seen.lost == (Changed("b", "b", None),)
    assert seen.changed == (Changed("kept", "kept", "KEPT2"),)
    assert seen.kept == 1


def test_another_set_has_another_mark() -> None:
    one, other = SkuSettings(rules=(SkuRule(rule="upper"),)), SkuSettings(rules=(SkuRule(rule="lower"),))
    assert fingerprint(one) == fingerprint(one.model_copy()) != fingerprint(other)


def test_a_refused_set_matches_only_what_it_leaves_alone() -> None:
    settings = SkuSettings(rules=(SkuRule(rule="upper"),), table={"t": "TIN"})
    refused = SkuMap(settings, refused_because='"a" and "A" all become "A"', colliding=["a", "A"])
    codes = {"A": 1, "B": 2, "TIN": 3}
    assert isinstance(resolve_sku("B", refused, codes), Resolved)
    assert isinstance(resolve_sku("t", refused, codes), Resolved)
    for sku in ("b", "a", "A"):
        problem = resolve_sku(sku, refused, codes)
        assert isinstance(problem, SkuProblem)
        assert problem.code == "sku_rules_refused"
        assert '"a" and "A" all become "A"' in problem.message


@given(sku_maps, st.lists(skus, max_size=6))
def test_an_accepted_set_is_reversible(sku_map: SkuMap, given_skus: list[str]) -> None:
    proof = prove(sku_map, given_skus)
    if not proof.is_accepted or proof.shared:
        return
    seen = {sku for sku in given_skus if sku.strip("\u200b\u00a0 ")}
    back = {sku_map.to_clarus(sku): sku for sku in seen}
    assert all(back[sku_map.to_clarus(sku)] == sku for sku in seen)
