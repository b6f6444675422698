"""PyTorch in the GPU's training benchmark: `benchmarks.train_gpu` starts it with a Python that has
torch.

    PYTHON -m benchmarks.train_gpu_torch RESULT.json STEPS BATCH...
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks.train_rows import Rows, drawn
from benchmarks.train_torch import NAMES, Model

IDS, CLASSES, WARM_UP = 10_000, 25_001, 4
# What products multiply: float32, TensorFloat-32, or bfloat16 where torch.autocast allows it.
WAYS = {
    "torch, float32": (False, False),
    "torch, tf32": (True, False),
    "torch, bfloat16": (True, True),
}


def speed(batch: int, count: int, *, tf32: bool, narrow: bool) -> float:
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = tf32
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model(Rows({}, {}, IDS + 2, IDS + 2, CLASSES)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    feeds = [
        [torch.from_numpy(rows[name]) for name in NAMES]
        for rows in drawn(batch, ids=IDS, classes=CLASSES)
    ]

    def some(steps: int) -> None:
        for place in range(steps):
            tokens, package, label = (
                values.to(device, non_blocking=True).long() for values in feeds[place % len(feeds)]
            )
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=narrow):
                loss = nn.functional.cross_entropy(model(tokens, package), label)
            loss.backward()
            optimizer.step()
        float(loss.detach())

    some(WARM_UP)
    started = time.perf_counter()
    some(count)
    return round(count * batch / (time.perf_counter() - started))


def run() -> None:
    result, count, *batches = sys.argv[1:]
    found = {
        way: {batch: speed(int(batch), int(count), tf32=tf32, narrow=narrow) for batch in batches}
        for way, (tf32, narrow) in WAYS.items()
    }
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    run()
