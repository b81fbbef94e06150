"""The way from a trained checkpoint to the files that the daemon runs: torch and onnx in, ONNX Runtime out."""
