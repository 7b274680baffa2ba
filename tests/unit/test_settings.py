from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import InvalidInput
from engramia_core.settings import KNOWN, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-0123456789abcdefghijWXYZ"


def loaded(
    directory: Path, *, flag: str | None = None, environment: dict[str, str] | None = None
) -> Settings:
    return load_settings({"path": flag}, environment=environment or {}, directory=directory)


def written(directory: Path, text: str, name: str = "engramia.toml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_setting_has_a_default_and_says_so(tmp_path: Path) -> None:
    values = loaded(tmp_path).all()
    assert [value.setting for value in values] == list(KNOWN)
    assert {value.origin for value in values} == {"default"}
    assert all(value.text == value.setting.default for value in values)


@pytest.mark.parametrize("has_flag", [True, False])
@pytest.mark.parametrize("has_variable", [True, False])
@pytest.mark.parametrize("has_file", [True, False])
def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(
    tmp_path: Path, *, has_flag: bool, has_variable: bool, has_file: bool
) -> None:
    path = tmp_path / "engramia.toml"
    if has_file:
        written(tmp_path, 'path = "from-file"')
    environment = {"ENGRAMIA_DATA_PATH": "from-variable"} if has_variable else {}
    settings = loaded(tmp_path, flag="from-flag" if has_flag else None, environment=environment)
    wanted = [
        (has_flag, "from-flag", "flag"),
        (has_variable, "from-variable", "ENGRAMIA_DATA_PATH"),
        (has_file, "from-file", str(path)),
        (True, "./engramia_data", "default"),
    ]
    text, origin = next(row[1:] for row in wanted if row[0])
    assert (settings["path"], settings.value("path").origin) == (text, origin)


def test_each_value_knows_its_own_source(tmp_path: Path) -> None:
    path = written(tmp_path, 'tenant = "acme"\nproject = "shop"')
    settings = loaded(tmp_path, flag="here", environment={"ENGRAMIA_PROJECT": "blog"})
    origins = {value.setting.name: value.origin for value in settings.all()}
    assert origins["path"] == "flag"
    assert origins["project"] == "ENGRAMIA_PROJECT"
    assert origins["tenant"] == str(path)
    assert origins["storage"] == "default"


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    environment = {setting.variable: "" for setting in KNOWN} | {"ENGRAMIA_CONFIG": ""}
    written(tmp_path, 'tenant = "acme"')
    settings = loaded(tmp_path, environment=environment)
    assert (settings["tenant"], settings["storage"]) == ("acme", "auto")


def test_another_file_can_be_named(tmp_path: Path) -> None:
    written(tmp_path, 'tenant = "wrong"')
    path = written(tmp_path, 'tenant = "right"', "other.toml")
    for named in ("other.toml", str(path)):
        settings = loaded(tmp_path, environment={"ENGRAMIA_CONFIG": named})
        assert (settings["tenant"], settings.value("tenant").origin) == ("right", str(path))


def test_a_named_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"ENGRAMIA_CONFIG names '.*nope\.toml'"):
        loaded(tmp_path, environment={"ENGRAMIA_CONFIG": "nope.toml"})


def test_an_empty_flag_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--path is empty"):
        loaded(tmp_path, flag="")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tenant = ", "cannot be read"),
        ("pth = 'x'", "sets 'pth', which is no setting"),
        ("[tenant]\nname = 'x'", "tenant must be a string"),
        ("tenant = 7", "tenant must be a string"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_name(
    tmp_path: Path, text: str, said: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidInput, match=re.escape(str(path))) as caught:
        loaded(tmp_path)
    assert said in caught.value.message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "engramia.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="cannot be read"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("secret", "shown"), [(KEY, "****WXYZ"), ("short", "****"), ("x" * 16, "****"), ("", "")]
)
def test_of_a_secret_at_most_the_last_four_characters_are_shown(
    tmp_path: Path, secret: str, shown: str
) -> None:
    value = loaded(tmp_path, environment={"OPENAI_API_KEY": secret}).value("openai_api_key")
    assert value.shown == shown
    assert value.text == secret
    assert not secret or secret not in repr(value)


def test_what_is_no_secret_is_shown(tmp_path: Path) -> None:
    assert loaded(tmp_path).value("storage").shown == "auto"


def test_an_error_about_a_secret_does_not_tell_it(tmp_path: Path) -> None:
    written(tmp_path, f'openai_api_key = ["{KEY}"]')
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path)
    assert KEY not in caught.value.message


def test_only_the_key_is_a_secret_and_no_two_settings_share_a_variable() -> None:
    assert [setting.name for setting in KNOWN if setting.is_secret] == ["openai_api_key"]
    assert len({setting.variable for setting in KNOWN}) == len(KNOWN)
    assert all(setting.help.endswith(".") for setting in KNOWN)
