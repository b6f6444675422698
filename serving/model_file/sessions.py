"""Sessions of onnxruntime that score: one thread each, since batches are scored side by side."""

import onnxruntime

from pipeline.failures import Exit, Failure


def session(content: bytes) -> onnxruntime.InferenceSession:
    """Loads a model. Raises Failure 5 where onnxruntime refuses it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Many small batches side by side keep the cores busier than one batch shared between them.
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen exceptions without a common base
        message = " ".join(str(error).split())[:300]
        raise Failure(Exit.INTEGRITY, f"onnxruntime refused the model: {message}") from None
