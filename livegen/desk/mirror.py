"""The desk's copy of the settings, which runs ahead of the performer's by what is under way between the two.

A change counts here as soon as it is made, so that a question after it sees it. The performer's own settings come back a moment
later and may have been sent before it knew: for `GRACE_NS` what was set here stands, or a fader that is being moved would jump
back. Then the performer is right. Nothing blocks; a mirror is not thread-safe and belongs to its endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable

from livegen.core.parameters import Notice, Settings, Value

GRACE_NS = 250_000_000
"""Longer than a change takes to the performer and back."""


class Mirror:
    """A `Settings` snapshot with two writers.

    Args:
        settings: what both sides begin with.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._returned: Settings | None = None
        self._set_ns: dict[str, int] = {}

    def change(
        self, changes: Iterable[tuple[str, object]], now_ns: int
    ) -> tuple[tuple[tuple[str, Value], ...], tuple[Notice, ...], list[str]]:
        """Apply a batch made here, all or none.

        Returns:
            The batch with checked values, a notice for each clamped one, and the names of all whose value is another now.

        Raises:
            ParameterError: something in it is illegal; nothing is applied.
        """
        batch = list(changes)
        settings, notices = self.settings.with_changes(batch)
        registry = settings.registry
        checked = tuple((name, registry[name].check(value)[0]) for name, value in batch)
        changed = self._adopt(settings)
        for name in (*changed, *(name for name, _ in checked)):
            if not registry[name].macro:
                self._set_ns[name] = now_ns
        return checked, notices, changed

    def follow(self, settings: Settings, now_ns: int) -> list[str]:
        """Take over the performer's settings, except what was set here just now; settings of another registry at once.

        Returns:
            The names of all whose value is another now; all names if the registry is another.
        """
        if settings.registry is not self.settings.registry:
            self.settings, self._returned, self._set_ns = settings, None, {}
            return [parameter.name for parameter in settings.registry]
        self._returned = settings
        return self._reconcile(now_ns)

    def tick(self, now_ns: int) -> list[str]:
        """Take over what `follow` left out and whose grace is over; the names of all whose value is another now."""
        deadline_ns = self.next_deadline_ns()
        return self._reconcile(now_ns) if deadline_ns is not None and deadline_ns <= now_ns else []

    def next_deadline_ns(self) -> int | None:
        """When `tick` has something to do; None while both sides agree as far as is known."""
        return None if self._returned is None else min(self._set_ns.values()) + GRACE_NS

    def _reconcile(self, now_ns: int) -> list[str]:
        if self._returned is None:
            return []
        self._set_ns = {name: set_ns for name, set_ns in self._set_ns.items() if now_ns - set_ns < GRACE_NS}
        settings, _ = self._returned.with_changes({name: self.settings[name] for name in self._set_ns})
        if settings == self._returned:
            self._returned = None  # nothing is left that could differ later
        return self._adopt(settings)

    def _adopt(self, settings: Settings) -> list[str]:
        older, self.settings = self.settings, settings
        macros = [one.name for one in settings.registry if one.macro and settings[one.name] != older[one.name]]
        return [name for name, _ in settings.changes_since(older)] + macros
