"""What training multiplies with on this machine, and why: a line of `pipeline.doctor`."""

import os

from trainer.recipe.pace import WORTH_ROUNDING, time_of_rounding

ROWS, WIDTH, LABELS = 1024, 256, 8192


def products() -> str:
    """Of a head with many labels, where a recipe decides; a spec may say `precision` itself."""
    takes, most = time_of_rounding(ROWS, WIDTH, LABELS), WORTH_ROUNDING
    threads = f"{len(os.sched_getaffinity(0))} threads"
    said = f"bfloat16 takes {takes:.2f} of float32's time"
    if takes < most:
        return f"bfloat16 products for many labels with training: auto: {said}; {threads}"
    return f"float32 products: {said}, and would have to take less than {most}; {threads}"
