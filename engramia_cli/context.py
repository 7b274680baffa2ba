"""What a command has at hand: the options given so far, and the memory, opened when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from engramia_core import installation
from engramia_core.memory.pattern import Source
from engramia_core.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engramia_core.library import Memory


@dataclass(frozen=True)
class CliContext:
    """Made at the root of the command line; a test passes its own."""

    flags: Mapping[str, str | None] = field(default_factory=dict)
    output: str = "table"
    environment: Mapping[str, str] | None = None
    given_memory: Memory | None = None
    """The memory to use whatever the settings say."""

    def with_options(self, options: Mapping[str, str | None]) -> CliContext:
        """This context with the options of one more level of the command line over it."""
        given = {name: value for name, value in options.items() if value is not None}
        output = given.pop("output", self.output)
        return replace(self, flags={**self.flags, **given}, output=output)

    @cached_property
    def settings(self) -> Settings:
        """The settings under the options given."""
        return load_settings(self.flags, environment=self.environment)

    @property
    def is_json(self) -> bool:
        """Whether a program reads the answer."""
        return self.output == "json"

    @cached_property
    def memory(self) -> Memory:
        """The memory that the settings name; ``NotFound`` when there is none."""
        return self.given_memory or installation.open_memory(self.settings, source=Source.CLI)

    def close(self) -> None:
        """Close the memory, if it was opened."""
        opened = self.__dict__.get("memory")
        if opened is not None and opened is not self.given_memory:
            opened.close()
