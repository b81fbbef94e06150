"""livegen: a real-time MIDI performance daemon that listens and answers."""

__version__ = "0.1.0"
