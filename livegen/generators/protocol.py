"""The one protocol of everything that makes music: neural, Markov, scripted."""

from __future__ import annotations

from typing import Protocol

from livegen.core.events import PlayerEvent
from livegen.core.plans import Plan, PlanRequest


class Generator(Protocol):
    """Listens to the player's events one by one and fills planning windows.

    Single-threaded: one generator belongs to one owner. Nothing here reads a clock, so the same calls give the same music.
    """

    @property
    def name(self) -> str:
        """What the health read-out and the command line call it."""

    @property
    def notice(self) -> str | None:
        """Why it does not run where it was asked to, for the musician, or None."""

    def observe(self, event: PlayerEvent) -> None:
        """Take in what the player did, at once (continuous prefill). Does not block beyond one step of the model."""

    def plan(self, request: PlanRequest) -> Plan:
        """Fill one window; the window's events become part of the context.

        Raises:
            ModelError: the model's output cannot be used (not finite, say). The context is then as before the call.
        """

    def snapshot(self) -> object:
        """The context as a value that `restore` takes; cheap, so that a plan which is thrown away rolls back for free."""

    def restore(self, state: object) -> None:
        """Go back to a context that `snapshot` of this generator gave."""

    def reset(self) -> None:
        """Forget everything."""
