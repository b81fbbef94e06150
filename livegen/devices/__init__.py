"""MIDI ports and the clock: the operating system's, and in-memory ones that need no hardware."""
