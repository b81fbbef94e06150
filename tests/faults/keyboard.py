"""What the player holds, told from the messages alone."""

from __future__ import annotations

from livegen.core.listener import RESET_CONTROLLERS, SILENCING
from livegen.core.midi import SUSTAIN, Control, Message, NoteOff, NoteOn
from livegen.core.parameters import Settings
from livegen.core.tapping import TapKeys

Key = tuple[int, int]
"""Channel and pitch."""


class Keyboard:
    """What sounds for the player, told independently of the engine's listener."""

    def __init__(self) -> None:
        self.pressed: set[Key] = set()
        self.held: set[Key] = set()
        """By the pedal alone."""
        self.pedals: set[int] = set()
        self._taps = TapKeys()

    def receive(self, message: Message, settings: Settings) -> None:
        """A message that the engine gets; what taps is no music."""
        chosen = settings.clock_source == "tap"
        if self._taps.receive(message, settings.tap_note if chosen else None, settings.tap_control if chosen else None):
            return
        match message:
            case NoteOn(channel, pitch):
                self.held.discard((channel, pitch))
                self.pressed.add((channel, pitch))
            case NoteOff(channel, pitch) if (channel, pitch) in self.pressed:
                self.pressed.discard((channel, pitch))
                if channel in self.pedals:
                    self.held.add((channel, pitch))
            case Control(channel, control, value) if control == SUSTAIN and value >= 64:
                self.pedals.add(channel)
            case Control(channel, control) if control in {SUSTAIN, RESET_CONTROLLERS}:
                self.pedals.discard(channel)
                self.held = {key for key in self.held if key[0] != channel}
            case Control(channel, control) if control in SILENCING:
                self.pedals.discard(channel)
                self.held = {key for key in self.held if key[0] != channel}
                self.pressed = {key for key in self.pressed if key[0] != channel}

    def gone(self) -> None:
        """Nothing is held any more."""
        self.pressed.clear()
        self.held.clear()
        self.pedals.clear()
