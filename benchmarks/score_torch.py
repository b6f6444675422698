"""PyTorch in benchmarks.score, in a Python of its own that has torch and NumPy: nothing of ours.

    python score_torch.py FOLDER

FOLDER/weights.npz has the demo's weights, FOLDER/share0.npz and so on the features of the shares.
Each number of a share on standard input is answered by a line once it is scored; the ids of its
top 10 are then in FOLDER/top.npy.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

TOP, BATCH = 10, 256


def network(weights: Any) -> Any:
    """The demo's model: ids and numbers in, logits of the identifier out."""
    import torch

    w = {name: torch.from_numpy(weights[name]) for name in weights.files}

    def compute(part: dict[str, Any]) -> Any:
        looked_up = [w["table.token/embeddings"][part["tokens"].long()].flatten(0, 1)]
        looked_up.append(w["table.package/embeddings"][part["package"].long()])
        tokens, package = (rows @ w["shared.common.0/kernel"] for rows in looked_up)
        numbers = [part[n] for n in ("column", "column.missing", "depth", "depth.missing")]
        x = torch.cat([tokens.view(len(package), -1), package, torch.stack(numbers, 1)], 1)
        for layer in ("trunk.0", "trunk.1"):
            x = torch.relu(torch.addmm(w[f"{layer}/bias"], x, w[f"{layer}/kernel"]))
        return torch.addmm(w["identifier.logits/bias"], x, w["identifier.logits/kernel"])

    return compute


def top(compute: Any, features: dict[str, Any]) -> Any:
    """int [rows, 10]: the ids of the best labels; their probabilities are computed too."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(features["package"]), BATCH):
            part = {name: values[start : start + BATCH] for name, values in features.items()}
            chances = torch.softmax(compute(part), 1)[:, :-1]
            found.append(torch.topk(chances, TOP, 1).indices)
    return torch.cat(found).numpy()


def main(folder: Path) -> None:
    import torch

    compute = network(np.load(folder / "weights.npz"))
    shares: dict[int, dict[str, Any]] = {}
    for line in sys.stdin:
        at = int(line)
        if at not in shares:
            arrays = np.load(folder / f"share{at}.npz")
            shares = {at: {name: torch.from_numpy(arrays[name]) for name in arrays.files}}
            print("loaded", flush=True)
            continue
        np.save(folder / "top.npy", top(compute, shares[at]))
        print("scored", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
