"""livegen: a real-time MIDI performance daemon that listens and answers."""

import os

# ONNX Runtime collects what it runs on for its makers, and decides as it is imported whether it may. What is played here is
# nobody else's business, and nothing of ours calls anybody while there is music.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
