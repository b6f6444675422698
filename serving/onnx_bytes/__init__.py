"""ONNX files as bytes: read, checked and given other outputs without the `onnx` package."""
