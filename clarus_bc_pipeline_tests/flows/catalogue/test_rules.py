"""SKUs: matched exactly or not at all, every miss with its cause, and collisions always found."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarus_bc_pipeline.decisions.findings import REGISTRY
from clarus_bc_pipeline.flows.catalogue.closest import CodeIndex
from clarus_bc_pipeline.flows.catalogue.lookalikes import is_blank, shown
from clarus_bc_pipeline.flows.catalogue.rules import (
    CLARUS_CODE_LENGTH,
    Resolved,
    SkuMap,
    SkuProblem,
    collisions,
    compare_catalogues,
    resolve_sku,
    sku_fault,
    sku_faults,
)
from clarus_bc_pipeline.settings import SkuRule, SkuSettings

# Real codes of the Online Retail data (CC0) and of our own list of awkward SKUs.
CODES = {
    "85123A": 1, "85123a": 2, "15056BL": 3, "22423": 4, "POST": 5, "gift_0001_20": 6, "DCGSSGIRL": 7, "C2": 8,
    "5012345678900": 9, "00045": 10, "3-1": 11, "JNE3365-KR-1052-XL": 12, "ABC/12": 13, "TÉ-01": 14,
}  # fmt: skip
AS_IS = SkuMap(SkuSettings())


def rule(name: str, **fields: object) -> SkuRule:
    return SkuRule.model_validate({"rule": name, **fields})


skus = st.text(st.sampled_from("0123Aa-/ .\u00a0\u200bА"), max_size=8)
rules = st.lists(
    st.one_of(
        st.sampled_from(["trim", "upper", "lower", "strip_zeros"]).map(lambda name: rule(name)),
        st.integers(1, 10).map(lambda width: rule("zero_pad", width=width)),
        st.dictionaries(st.sampled_from("Aa-/ "), st.sampled_from(["", "-", "A", "0"]), min_size=1).map(
            lambda swaps: rule("map_characters", characters=swaps)
        ),
    ),
    max_size=4,
)
sku_maps = st.builds(
    lambda chosen, table: SkuMap(SkuSettings(rules=tuple(chosen), table=table)),
    rules, st.dictionaries(skus, skus, max_size=2),
)  # fmt: skip


def map_of(*chosen: SkuRule, **table: str) -> SkuMap:
    return SkuMap(SkuSettings(rules=chosen, table=table))


def problem(sku: str, sku_map: SkuMap = AS_IS) -> SkuProblem:
    answer = resolve_sku(sku, sku_map, CODES, store="main")
    assert isinstance(answer, SkuProblem)
    return answer


# --- the transform


def test_the_table_goes_before_the_rules() -> None:
    assert map_of(rule("upper"), abc="x1").to_clarus("abc") == "x1"


def test_rules_apply_in_the_order_of_the_file() -> None:
    strip, pad = rule("strip_zeros"), rule("zero_pad", width=6)
    assert map_of(strip, pad).to_clarus("00000012") == "000012"
    assert map_of(pad, strip).to_clarus("00000012") == "12"


@pytest.mark.parametrize(
    ("chosen", "sku", "code"),
    [
        (rule("trim"), "\u00a0 A1\t", "A1"),
        (rule("lower"), "A1", "a1"),
        (rule("zero_pad", width=8), "123", "00000123"),
        (rule("zero_pad", width=4), "-1", "00-1"),
        (rule("zero_pad", width=4), "", ""),
        (rule("zero_pad", width=2), "12345", "12345"),
        (rule("strip_zeros"), "000", "0"),
        (rule("map_characters", characters={"/": "-", "-": "/"}), "A/B-C", "A-B/C"),
        (rule("map_characters", characters={"a": "1", "ab": "2"}), "abac", "21c"),
    ],
)
def test_each_rule_does_what_its_name_says(chosen: SkuRule, sku: str, code: str) -> None:
    assert map_of(chosen).to_clarus(sku) == code


def test_a_character_map_from_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match='empty "from"'):
        map_of(rule("map_characters", characters={"": "-"}))


# --- one SKU


@given(skus, sku_maps, st.dictionaries(skus, st.integers(1), max_size=12))
@example("A1", AS_IS, {"A1": 7})
def test_a_sku_resolves_exactly_when_its_transform_is_a_code(sku: str, sku_map: SkuMap, codes: dict[str, int]) -> None:
    code = sku_map.to_clarus(sku)
    answer = resolve_sku(sku, sku_map, codes)
    if code in codes and not is_blank(code):
        assert answer == Resolved(code, codes[code])
    else:
        assert isinstance(answer, SkuProblem)
        assert answer.code in REGISTRY
        assert answer.closest is None or (answer.closest in codes and answer.closest != code)


def test_the_sentence_names_the_sku_the_closest_code_and_what_to_do() -> None:
    answer = resolve_sku("00123", AS_IS, {"123": 1}, store="main")
    assert isinstance(answer, SkuProblem)
    assert answer.message.startswith(
        'SKU "00123" is not in Clarus (closest: "123"). Add it in Clarus or map it in [stores.main.skus.table].'
    )
    assert answer.closest == "123"


@pytest.mark.parametrize(
    ("sku", "code", "closest"),
    [
        ("", "blank_sku", None),
        (" \u00a0\u200b", "blank_sku", None),
        ("0" * 51, "sku_too_long", None),
        ("45", "sku_leading_zeros", "00045"),
        ("0022423", "sku_leading_zeros", "22423"),
        ("15056bl", "sku_case_clash", "15056BL"),
        ("GIFT_0001_20", "sku_case_clash", "gift_0001_20"),
        ("22423 ", "sku_bad_characters", "22423"),
        ("ABC /12", "sku_bad_characters", "ABC/12"),
        ("РОЅТ", "sku_bad_characters", "POST"),
        ("２２４２３", "sku_bad_characters", "22423"),
        ("JNE3365\u2013KR\u20111052\u2212XL", "sku_bad_characters", "JNE3365-KR-1052-XL"),
        ("22423\u0000", "sku_bad_characters", "22423"),
        ("TE\u0301-01", "sku_bad_characters", "TÉ-01"),
        ("5.01E+12", "sku_damaged_by_spreadsheet", "5012345678900"),
        ("5.0123456789E+12", "sku_damaged_by_spreadsheet", "5012345678900"),
        ("5.02E+12", "sku_damaged_by_spreadsheet", None),
        ("01-Mar", "sku_damaged_by_spreadsheet", "3-1"),
        ("22423.0", "sku_damaged_by_spreadsheet", "22423"),
        ("'00045", "sku_damaged_by_spreadsheet", "00045"),
        ('="00045"', "sku_damaged_by_spreadsheet", "00045"),
        ("#REF!", "sku_damaged_by_spreadsheet", None),
        ("JNE3365-KR-1O52-XL", "unknown_sku", "JNE3365-KR-1052-XL"),
        ("JNE3365KR1052XL", "unknown_sku", "JNE3365-KR-1052-XL"),
        ("NOTHING LIKE IT", "unknown_sku", None),
    ],
)
def test_the_cause_and_the_closest_code_are_named(sku: str, code: str, closest: str | None) -> None:
    answer = problem(sku)
    assert (answer.code, answer.closest) == (code, closest)
    assert closest is None or f'"{closest}"' in answer.message


def test_a_pair_that_differs_by_case_is_two_products_and_each_resolves_to_itself() -> None:
    assert resolve_sku("85123A", AS_IS, CODES) == Resolved("85123A", 1)
    assert resolve_sku("85123a", AS_IS, CODES) == Resolved("85123a", 2)


def test_an_unseen_character_is_shown_by_its_code() -> None:
    assert '"22423\\u200b"' in problem("22423\u200b").message
    assert "U+200B ZERO WIDTH SPACE" in problem("22423\u200b").message


def test_length_is_measured_after_the_transform() -> None:
    exact = "0" * CLARUS_CODE_LENGTH
    assert resolve_sku(exact + " ", map_of(rule("trim")), {exact: 1}) == Resolved(exact, 1)
    assert problem("1", map_of(rule("zero_pad", width=50))).code != "sku_too_long"


def test_the_code_that_the_rules_made_is_shown_beside_the_sku() -> None:
    assert 'SKU "abc" (in Clarus "ABC") is not in Clarus' in problem("abc", map_of(rule("upper"))).message


# --- one catalogue


@pytest.mark.parametrize("sku", ["85123A", "gift_0001_20", "AB 12", "CAFÉ-1", "½PINT", "ΑΒΓ-7", "10E5", "0.5", "MAR1"])
def test_an_ordinary_sku_has_no_fault(sku: str) -> None:
    assert sku_fault(sku) is None


@pytest.mark.parametrize("sku", [" A", "A ", "A\tB", "AB\u200b", "AВ1", "ＡＢ", "A\u00a0B", "A\u2013B"])
def test_a_sku_that_only_looks_ordinary_has_one(sku: str) -> None:
    fault = sku_fault(sku)
    assert fault is not None
    assert fault.code == "sku_bad_characters"


@given(st.lists(skus, max_size=10))
def test_a_catalogue_has_a_case_clash_exactly_where_two_skus_fold_alike(catalogue: list[str]) -> None:
    clashes = {fault.sku for fault in sku_faults(catalogue) if fault.code == "sku_case_clash"}
    once = set(catalogue)
    assert clashes == {a for a in once if any(a != b and a.casefold() == b.casefold() for b in once)}


@given(sku_maps, st.lists(skus, max_size=10))
@example(map_of(rule("zero_pad", width=5)), ["45", "00045"])
@example(map_of(rule("lower"), rule("strip_zeros")), ["0A", "a", "A"])
def test_a_collision_is_always_found_and_never_invented(sku_map: SkuMap, catalogue: list[str]) -> None:
    found = collisions(sku_map, catalogue)
    pairs = {(a, b) for _, together in found for a in together for b in together if a != b}
    seen = [sku for sku in dict.fromkeys(catalogue) if not is_blank(sku)]
    assert pairs == {(a, b) for a in seen for b in seen if a != b and sku_map.to_clarus(a) == sku_map.to_clarus(b)}


# --- two catalogues


def faults(shop: list[str], clarus: list[str], sku_map: SkuMap = AS_IS) -> set[tuple[str, str]]:
    return {(fault.code, fault.sku) for fault in compare_catalogues(shop, clarus, sku_map)}


def test_equal_catalogues_have_nothing_to_say() -> None:
    assert compare_catalogues(["22423", "POST"], {"22423": 1, "POST": 2}, AS_IS) == []


def test_what_either_side_lacks_is_named_from_that_side() -> None:
    assert faults(["22423", "X-1"], ["22423", "DCGSSGIRL"]) == {
        ("unknown_sku", "X-1"), ("sku_not_in_shop", "DCGSSGIRL"),
    }  # fmt: skip


def test_one_damaged_sku_is_one_fault_and_not_one_on_each_side() -> None:
    assert faults(["00123"], ["123"]) == {("sku_leading_zeros", "00123")}
    assert faults(["5.01E+12"], ["5012345678900"]) == {("sku_damaged_by_spreadsheet", "5.01E+12")}


def test_what_the_rules_mend_is_no_fault() -> None:
    padded = map_of(rule("trim"), rule("upper"), rule("zero_pad", width=5))
    assert faults(["45 ", "a1"], ["00045", "000A1"], padded) == set()


def test_two_skus_that_the_rules_make_one_are_both_named() -> None:
    pad = map_of(rule("zero_pad", width=5))
    assert faults(["45", "00045"], ["00045"], pad) == {
        ("sku_leading_zeros", "45"),
        ("sku_leading_zeros", "00045"),
    }


def test_two_skus_that_the_table_makes_one_are_meant() -> None:
    assert faults(["SET", "BOX"], ["BOX"], map_of(SET="BOX")) == set()


@given(st.lists(skus, max_size=8), st.lists(skus, max_size=8), sku_maps)
def test_no_sku_and_no_code_goes_unaccounted(shop: list[str], clarus: list[str], sku_map: SkuMap) -> None:
    found = compare_catalogues(shop, clarus, sku_map)
    assert {fault.code for fault in found} <= set(REGISTRY)
    assert len({(fault.sku, fault.code) for fault in found}) == len(found)
    named = {fault.sku for fault in found}
    for sku in shop:
        assert sku in named or sku_map.to_clarus(sku) in clarus
    reached = {sku_map.to_clarus(sku) for sku in shop}
    explained = {code for code in clarus if any(shown(code) in fault.message for fault in found)}
    for code in clarus:
        assert is_blank(code) or code in reached | named | explained


def test_an_index_reads_like_the_mapping_it_was_made_from() -> None:
    index = CodeIndex(CODES)
    assert dict(index) == CODES
    assert CodeIndex.of(index) is index
    assert "85123A" in index
    assert "nothing" not in index
