"""JSON that a person may have edited, read field by field with a reason for everything that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from engramia_core.errors import InvalidInput
from engramia_core.memory.pattern import check_score, check_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

T = TypeVar("T")
Name = TypeVar("Name", bound="StrEnum")

_STABLE = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_ANY_LENGTH = 10_000_000


def encode(value: object) -> bytes:
    """JSON for people and for diffs: indented, keys sorted, nothing escaped that need not be."""
    return orjson.dumps(value, option=_STABLE)


def decode(content: bytes) -> object:
    """The JSON in ``content``; ``InvalidInput`` says where it is none."""
    try:
        value: object = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"no JSON: {error}") from error
    return value


def time_text(at: datetime) -> str:
    """A time as it is written: ISO 8601 in UTC, with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def lines_of(text: str | None) -> str | list[str] | None:
    """A text of several lines as the list of them, so that a diff shows which one changed."""
    return text.split("\n") if text is not None and "\n" in text else text


class Fields:
    """The fields of a JSON object. Each is taken once; what is wrong is ``InvalidInput`` naming the field."""

    def __init__(self, value: object, name: str = "the file") -> None:
        if not isinstance(value, dict):
            raise InvalidInput(f"{name} is not an object")
        self._left: dict[str, Any] = dict(value)

    def end(self) -> None:
        """Every field was taken; ``InvalidInput`` names one that nobody knows."""
        for name in self._left:
            raise InvalidInput(f"unknown field {name!r}")

    def take(self, name: str) -> object:
        """The value of a field, whatever it is."""
        try:
            return self._left.pop(name)
        except KeyError:
            raise InvalidInput(f"field {name!r} is missing") from None

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """``None`` for a field that is null, else what ``read`` makes of it."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return None
        return read(name)

    def text(self, name: str, *, max_chars: int = _ANY_LENGTH, min_chars: int = 0) -> str:
        """A text that ``check_text`` allows."""
        value = self.take(name)
        if not isinstance(value, str):
            raise InvalidInput(f"{name} is not a text")
        return check_text(name, value, max_chars=max_chars, min_chars=min_chars)

    def lines(self, name: str, *, max_chars: int) -> str:
        """A text, or the list of its lines."""
        value = self._left.get(name)
        if isinstance(value, list):
            if not all(isinstance(line, str) for line in value):
                raise InvalidInput(f"{name} is not a list of lines")
            self._left[name] = "\n".join(value)
        return self.text(name, max_chars=max_chars)

    def score(self, name: str) -> float:
        """A number from 0 to 10."""
        value = self.number(name)
        try:
            return check_score(value)
        except InvalidInput as error:
            raise InvalidInput(f"{name}: {error.message}") from error

    def number(self, name: str) -> float:
        """Any number."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f"{name} is not a number")
        return float(value)

    def count(self, name: str) -> int:
        """A whole number, 0 or more."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidInput(f"{name} is not a whole number from 0 on")
        return value

    def time(self, name: str) -> datetime:
        """A moment, in UTC; one without a time zone is wrong."""
        value = self.take(name)
        try:
            at = datetime.fromisoformat(str(value))
            in_utc = at.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidInput(f"{name} is no ISO 8601 time: {value!r}") from error
        if at.tzinfo is None:
            raise InvalidInput(f"{name} has no time zone: {value!r}")
        return in_utc

    def one_of(self, name: str, names: type[Name]) -> Name:
        """One of a closed list of names."""
        value = self.take(name)
        try:
            return names(str(value))
        except ValueError as error:
            known = ", ".join(names)
            raise InvalidInput(f"{name} is {value!r}, not one of {known}") from error

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.take(name)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise InvalidInput(f"{name} is not a list of texts")
        return tuple(value)

    def objects(self, name: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
        """A list of objects, each as ``read`` makes it."""
        value = self.take(name)
        if not isinstance(value, list):
            raise InvalidInput(f"{name} is not a list")
        return tuple(
            whole(Fields(item, f"{name}[{index}]"), read) for index, item in enumerate(value)
        )

    def object(self, name: str, read: Callable[[Fields], T]) -> T:
        """An object as ``read`` makes it."""
        return whole(Fields(self.take(name), name), read)

    def names(self) -> list[str]:
        """The fields that were not taken yet."""
        return list(self._left)


def whole(fields: Fields, read: Callable[[Fields], T]) -> T:
    """What ``read`` makes of ``fields``, all of which it must know."""
    value = read(fields)
    fields.end()
    return value
