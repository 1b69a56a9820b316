"""Settings: a fault is named with its key, its value and what would be right; secrets come from outside the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clarus_bc_pipeline.settings import (
    DEFAULT_FILE,
    EXAMPLE_FILE,
    SANDBOX_FILE,
    SettingsError,
    StoreSettings,
    load_settings,
    settings_file,
)

GOOD = """
[stores.main.bigcommerce]
store_hash = "abc123"
[stores.main.clarus]
subdomain = "acme"
account = "ACME"
warehouse = "WHS01"
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "clarus_bc.toml"


def loaded(path: Path, text: str) -> StoreSettings:
    path.write_text(text)
    return load_settings(path).stores["main"]


@pytest.mark.parametrize("path", [EXAMPLE_FILE, SANDBOX_FILE], ids=lambda path: path.name)
def test_the_files_that_ship_are_good(path: Path) -> None:
    assert load_settings(path).stores


def test_little_needs_to_be_said(written: Path) -> None:
    store = loaded(written, GOOD)
    assert store.key == "main"
    assert store.bigcommerce.base_url == "https://api.bigcommerce.com"
    assert store.orders.release_status_ids == (11,)


RULES = '[[stores.main.skus.rules]]\nrule = "zero_pad"\n'
NOTES = '[stores.main.orders]\nnotes = [{source = "x", target = "string1"}]\n'
CARRIERS = '[stores.main.despatch.carriers]\nRM = {link_template = "https://x/"}\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('store_hash = "abc123"', "", "stores.main.bigcommerce.store_hash: is missing"),
        ('store_hash = "abc123"', 'store_hash = "a"\nbase_url = "api"', "base_url = 'api': must be an http(s) address"),
        ('account = "ACME"', 'acount = "ACME"', "stores.main.clarus.acount: is not a setting"),
        ('account = "ACME"', 'account = "A"\npage_size = 9999', "stores.main.clarus.page_size = 9999: "),
        ("", NOTES, "stores.main.orders.notes.0.source = 'x': unknown source; use one of customer_message"),
        ("", RULES, "rule zero_pad needs width, for example width = 8"),
        ("", CARRIERS, "link_template must contain {number}"),
    ],
)
def test_a_bad_setting_names_key_value_and_what_would_be_right(written: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SettingsError) as bad:
        loaded(written, GOOD.replace(old, new) if old else GOOD + new)
    assert said in str(bad.value)
    assert str(written) in str(bad.value)


def test_every_fault_is_named_at_once(written: Path) -> None:
    with pytest.raises(SettingsError, match=r"2 bad setting\(s\)"):
        loaded(written, GOOD.replace('subdomain = "acme"\n', "").replace('store_hash = "abc123"', ""))


def test_text_that_is_not_toml_is_said_so(written: Path) -> None:
    with pytest.raises(SettingsError, match="not valid TOML: "):
        loaded(written, "stores = [")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read.*Set CLARUS_BC_SETTINGS"):
        load_settings(tmp_path / "none.toml")


def test_a_store_has_secrets_of_its_own(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = loaded(written, GOOD)
    with pytest.raises(SettingsError, match="CLARUS_BC_MAIN_BC_TOKEN is not set: export it"):
        store.secret("BC_TOKEN")
    monkeypatch.setenv("CLARUS_BC_MAIN_BC_TOKEN", "secret")
    assert store.secret("BC_TOKEN").get_secret_value() == "secret"
    assert "secret" not in repr(store.secret("BC_TOKEN"))


def test_a_secret_may_stand_in_a_file(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = loaded(written, GOOD)
    monkeypatch.setenv("CLARUS_BC_MAIN_BC_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(SettingsError, match=r"CLARUS_BC_MAIN_BC_TOKEN_FILE = .* cannot be read"):
        store.secret("BC_TOKEN")
    (tmp_path / "token").write_text("secret\n")
    assert store.secret("BC_TOKEN").get_secret_value() == "secret"


def test_the_file_in_force_is_the_named_one_else_the_one_here_else_the_sandboxs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings_file() == SANDBOX_FILE
    Path(DEFAULT_FILE).write_text(GOOD)
    assert settings_file() == Path(DEFAULT_FILE)
    monkeypatch.setenv("CLARUS_BC_SETTINGS", "other.toml")
    assert settings_file() == Path("other.toml")


def test_production_never_falls_back_to_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLARUS_BC_ENV", "production")
    assert "CLARUS_BC_SETTINGS" not in os.environ
    with pytest.raises(SettingsError, match=r"set CLARUS_BC_SETTINGS or put clarus_bc\.toml here"):
        settings_file()
