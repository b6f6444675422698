"""How a run calculates: to the same bits every time, in float32 unless the spec asks for less."""

import tensorflow as tf


def exact_arithmetic() -> None:
    """For the whole process: every operation gives the same bits twice, which resuming to the same
    bits needs, and a GPU does not round what float32 products multiply to 10 bits (TensorFloat-32).
    """
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)
