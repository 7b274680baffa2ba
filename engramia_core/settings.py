"""Settings: a flag, then the environment, then ``engramia.toml``, then the default; each knows where it came from."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_FILE = "engramia.toml"
_SECRET_SHOWN = 4
_PASSWORD = re.compile(r"(?<=:)[^:/@]+(?=@)|(?<=password=)[^&]+")


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set: its name in the file, its variable, its default and what it is for."""

    name: str
    variable: str
    default: str
    help: str
    is_secret: bool = False
    is_url: bool = False
    """Whether it may hold a password between user and host."""


KNOWN = (
    Setting("path", "ENGRAMIA_DATA_PATH", "./engramia_data", "The directory of the memory."),
    Setting(
        "storage",
        "ENGRAMIA_STORAGE",
        "auto",
        "sqlite, json or postgres; auto is postgres where a database is named and no --path is given,"
        " else what lives in the directory (a new one is sqlite).",
    ),
    Setting(
        "database_url",
        "ENGRAMIA_DATABASE_URL",
        "",
        "The PostgreSQL database: postgresql://USER:PASSWORD@HOST:5432/DATABASE. Never given as a flag.",
        is_url=True,
    ),
    Setting(
        "database_pool_size",
        "ENGRAMIA_DATABASE_POOL_SIZE",
        "5",
        "How many connections a process keeps; three times as many at most.",
    ),
    Setting(
        "database_replica_url",
        "ENGRAMIA_DATABASE_REPLICA_URL",
        "",
        "A read replica of the database to recall from. Never given as a flag.",
        is_url=True,
    ),
    Setting(
        "database_replica_max_lag_s",
        "ENGRAMIA_DATABASE_REPLICA_MAX_LAG_S",
        "5",
        "How many seconds the replica may be behind, 1 at least; past that the database itself is asked.",
    ),
    Setting(
        "copy_to_url",
        "ENGRAMIA_COPY_TO_URL",
        "",
        "The PostgreSQL database that engramia copy copies into. Never given as a flag with its password.",
        is_url=True,
    ),
    Setting(
        "embeddings",
        "ENGRAMIA_EMBEDDINGS",
        "minilm",
        "minilm (offline), openai[:MODEL[:DIMENSIONS]], or none (search by words).",
    ),
    Setting("tenant", "ENGRAMIA_TENANT", "default", "Whose memory."),
    Setting("project", "ENGRAMIA_PROJECT", "default", "Which project of the tenant."),
    Setting(
        "openai_api_key",
        "OPENAI_API_KEY",
        "",
        "The key for embeddings by openai. Never given as a flag.",
        is_secret=True,
    ),
    Setting(
        "openai_base_url",
        "OPENAI_BASE_URL",
        "",
        "Another server that speaks OpenAI's API.",
    ),
)
_BY_NAME = {setting.name: setting for setting in KNOWN}


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value and where it came from: ``flag``, a variable, a file, or ``default``."""

    setting: Setting
    text: str = field(repr=False)
    origin: str

    @property
    def shown(self) -> str:
        """The value as it may be printed: of a secret the last four characters only, of a URL no password."""
        if self.setting.is_url:
            return _PASSWORD.sub("****", self.text)
        if not self.setting.is_secret or not self.text:
            return self.text
        tail = self.text[-_SECRET_SHOWN:] if len(self.text) > 4 * _SECRET_SHOWN else ""
        return f"****{tail}"


class Settings:
    """The value of every known setting."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name].text

    def value(self, name: str) -> Value:
        """The value of a setting with its origin."""
        return self._values[name]

    def but(self, name: str, text: str) -> Settings:
        """These settings with another value of one, as if a flag had said it."""
        changed = Value(self._values[name].setting, text, "flag")
        return Settings(self._values | {name: changed})

    def all(self) -> tuple[Value, ...]:
        """Every value, in the order of ``KNOWN``."""
        return tuple(self._values[setting.name] for setting in KNOWN)


def load_settings(
    flags: Mapping[str, str | None],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """The settings under these flags, this environment (the process's) and the ``engramia.toml`` in this directory.

    ``ENGRAMIA_CONFIG`` names another file. ``InvalidInput`` for a file that cannot be read, or that holds a name
    nobody knows; or for an empty flag, as ``--path "$UNSET"`` gives.
    """
    variables = os.environ if environment is None else environment
    named = variables.get("ENGRAMIA_CONFIG")
    path = (directory or Path()) / (named or CONFIG_FILE)
    in_file = _read(path, is_required=bool(named))
    values = {}
    for setting in KNOWN:
        flag, variable = flags.get(setting.name), variables.get(setting.variable)
        if flag == "":
            raise InvalidInput(f"--{setting.name} is empty", hint="leave it out, or say which")
        if flag is not None:
            values[setting.name] = Value(setting, flag, "flag")
        elif variable:
            values[setting.name] = Value(setting, variable, setting.variable)
        elif setting.name in in_file:
            values[setting.name] = Value(setting, in_file[setting.name], str(path))
        else:
            values[setting.name] = Value(setting, setting.default, "default")
    return Settings(values)


def _read(path: Path, *, is_required: bool) -> dict[str, str]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if is_required:
            raise InvalidInput(f"ENGRAMIA_CONFIG names {str(path)!r}, which is not there") from None
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error}") from error
    for name, value in content.items():
        if name not in _BY_NAME:
            raise InvalidInput(
                f"{str(path)!r} sets {name!r}, which is no setting",
                hint=f"the settings are: {', '.join(_BY_NAME)}",
            )
        if not isinstance(value, str):
            kind = type(value).__name__
            raise InvalidInput(f"{str(path)!r}: {name} must be a string, not of type {kind}")
    return content


def wants_color() -> bool:
    """Whether a terminal may be written to in colour (no-color.org), and can be."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_completing() -> bool:
    """Whether a shell asks how a command line goes on."""
    return "_ENGRAMIA_COMPLETE" in os.environ


def forbid_telemetry() -> None:
    """Keep onnxruntime from writing a device id and from sending usage; say it before it is imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
