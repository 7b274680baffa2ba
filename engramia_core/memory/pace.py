"""Not faster than so many a second: for a provider that limits its callers, or a machine that has other work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable


class Pace:
    """Lets ``max_per_second`` units through, or any number without one."""

    def __init__(
        self,
        max_per_second: float | None = None,
        *,
        clock_s: Callable[[], float] = lambda: 0.0,
        sleep: Callable[[float], None] = lambda _: None,
    ) -> None:
        """``clock_s`` tells seconds that never go back; ``InvalidInput`` for a rate that is not above 0."""
        if max_per_second is not None and not max_per_second > 0:
            raise InvalidInput(f"{max_per_second:g} a second would never end")
        self._max_per_second = max_per_second
        self._clock_s = clock_s
        self._sleep = sleep
        self._free_at_s = clock_s()

    def at_once(self, wanted: int) -> int:
        """How many of the ``wanted`` units to do in one go: no more than a second's."""
        if self._max_per_second is None:
            return wanted
        return min(wanted, max(1, int(self._max_per_second)))

    def wait(self, units: int) -> None:
        """Wait until so many more may be done."""
        if self._max_per_second is None:
            return
        now_s = self._clock_s()
        if now_s < self._free_at_s:
            self._sleep(self._free_at_s - now_s)
        self._free_at_s = max(now_s, self._free_at_s) + units / self._max_per_second
