"""The error tree: each class says whose fault it is.

Raised at start these are fatal and end in exit code 2; while playing they are counted, reported and survived.
"""


class LivegenError(Exception):
    """Base of every error that livegen raises on purpose."""


class InputError(LivegenError, ValueError):
    """The caller passed something that is not legal: a MIDI byte, a parameter value, a file's content."""


class ConfigError(InputError):
    """A configuration file or option cannot be used; the message names the place and the remedy."""


class ModelError(LivegenError):
    """A model file is missing, damaged or does not fit this version; the message says what differs."""


class DeviceError(LivegenError):
    """A MIDI system or port is not there or has gone; the message says what to install or check."""
