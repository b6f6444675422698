"""An exported file as the scorer has it: read, checked and run without the `onnx` package."""
