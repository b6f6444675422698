"""PyTorch in the training benchmark: `benchmarks.train` starts it with a Python that has torch.

The same layers, batches and optimizer as for Keras.
"""

import numpy as np
import torch
from torch import nn

from benchmarks.train_rows import (
    EPOCHS,
    Rows,
    entry,
    load_rows,
    measures,
    of,
    slices,
    take_part,
)

NAMES = ("tokens", "package", "label")


class Model(nn.Module):
    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.tokens = nn.Embedding(rows.tokens, 50)
        self.package = nn.Embedding(rows.packages, 50)
        self.shared = nn.Linear(50, 128, bias=False)
        self.trunk = nn.Sequential(
            nn.Linear(11 * 128, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()
        )
        self.head = nn.Linear(128, rows.classes)

    def forward(self, tokens: torch.Tensor, package: torch.Tensor) -> torch.Tensor:
        sequence = self.shared(self.tokens(tokens)).flatten(1)
        return self.head(self.trunk(torch.cat([sequence, self.shared(self.package(package))], 1)))


class Torch:
    """`narrow`: bfloat16 where torch.autocast allows it."""

    def __init__(self, rows: Rows, seed: int, *, narrow: bool) -> None:
        torch.manual_seed(seed)
        self.rows, self.model, self.narrow = rows, Model(rows), narrow
        self.optimizer = torch.optim.Adam(self.model.parameters(), fused=True)

    def train(self, places: np.ndarray) -> None:
        for part in slices(len(places)):
            side = {
                n: torch.from_numpy(a).long() for n, a in of(self.rows.train, places[part]).items()
            }
            self.optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=self.narrow):
                logits = self.model(side["tokens"], side["package"])
                loss = nn.functional.cross_entropy(logits, side["label"])
            loss.backward()
            self.optimizer.step()

    def measure(self) -> dict[str, float]:
        found = [self._results(part) for part in slices(len(self.rows.held_out["label"]))]
        losses, ranks = zip(*found, strict=True)
        return measures(np.concatenate(losses), np.concatenate(ranks))

    @torch.no_grad()
    def _results(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """Losses and ranks, as kinds.heads.classification.network.loss_and_rank defines them."""
        side = {n: torch.from_numpy(a).long() for n, a in of(self.rows.held_out, part).items()}
        z = self.model(side["tokens"], side["package"])
        own = z.gather(1, side["label"][:, None])
        losses = torch.logsumexp(z, 1) - own[:, 0]
        ranked = z[:, :-1]
        ties = (ranked == own).sum(1) - 1
        ranks = 1 + (ranked > own).sum(1) + ties / 2
        ranks[side["label"] == z.shape[1] - 1] = float("inf")
        return losses.numpy(), ranks.numpy()


def run() -> None:
    said = entry(("torch", "torch bfloat16")).parse_args()
    rows = load_rows(said.rows)
    contestant = Torch(rows, said.seed, narrow=said.name.endswith("16"))
    take_part(contestant, len(rows.train["label"]), said, EPOCHS)


if __name__ == "__main__":
    run()
