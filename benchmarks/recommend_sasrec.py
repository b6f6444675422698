"""SASRec in plain PyTorch, in the benchmark of recommenders; a process of its own.

PYTHON benchmarks/recommend_sasrec.py --lists FILE --output FILE [--minutes 5] [--seed 1]

Self-attention over the last 50 items (Kang and McAuley 2018) with the defaults of its authors: two
blocks, one head, dropout .5, batches of 128, Adam at .001 with a second beta of .98; the width is
64. Instead of one negative it has the cross entropy over all items at every place, which is much
better (Klenitskiy and Vasilev 2023). The weights with the highest HR@10 on eval are kept. Nothing
of this project is imported: it need not be installed there.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

LENGTH, WIDTH, BLOCKS, HEADS, DROPOUT = 50, 64, 2, 1, 0.5
BATCH, RATE, BETAS = 128, 0.001, (0.9, 0.98)
PATIENCE = 5  # epochs without a higher HR@10
K = 10


class SASRec(nn.Module):
    """Item 0 is padding, before the list."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LENGTH, WIDTH)
        for table in (self.items, self.places):
            nn.init.normal_(table.weight, std=0.02)
        self.dropout = nn.Dropout(DROPOUT)
        block = nn.TransformerEncoderLayer(
            WIDTH, HEADS, WIDTH, DROPOUT, batch_first=True, norm_first=True
        )
        last = nn.LayerNorm(WIDTH)
        self.blocks = nn.TransformerEncoder(block, BLOCKS, last, enable_nested_tensor=False)
        self.register_buffer("later", torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1))
        self.register_buffer("itself", torch.eye(LENGTH, dtype=torch.bool))

    def forward(self, lists: torch.Tensor) -> torch.Tensor:
        """[batch, LENGTH] items to [batch, LENGTH, WIDTH]."""
        hidden = self.dropout(self.items(lists) * WIDTH**0.5 + self.places.weight)
        unseen = (self.later | (lists == 0)[:, None, :]) & ~self.itself
        return self.blocks(hidden, unseen.repeat_interleave(HEADS, 0))

    def scores(self, hidden: torch.Tensor) -> torch.Tensor:
        """Those of all items but the padding."""
        return hidden @ self.items.weight[1:].T


def padded(lists: list[list[int]]) -> torch.Tensor:
    rows = np.zeros((len(lists), LENGTH), np.int64)
    for row, own in zip(rows, lists, strict=True):
        if own:
            row[-len(own[-LENGTH:]) :] = own[-LENGTH:]
    return torch.from_numpy(rows)


@torch.no_grad()
def best(model: SASRec, histories: list[list[int]], new_only: bool) -> np.ndarray:
    """The K best items after each history."""
    model.eval()
    found = []
    for start in range(0, len(histories), 512):
        batch = histories[start : start + 512]
        scores = model.scores(model(padded(batch))[:, -1])
        if new_only:
            for row, own in zip(scores, batch, strict=True):
                row[np.array(own) - 1] = -torch.inf
        found.append(1 + scores.topk(K).indices.numpy())
    return np.concatenate(found)


def hit_rate(model: SASRec, lists: list[list[int]]) -> float:
    answers = np.array([own[-2] for own in lists])
    found = best(model, [own[:-2] for own in lists], new_only=False)
    return float((found == answers[:, None]).any(axis=1).mean())


def train(lists: list[list[int]], items: int, seconds: float) -> SASRec:
    """Ends after so many seconds, the evaluations among them."""
    started = time.monotonic()
    model = SASRec(items)
    optimizer = torch.optim.Adam(model.parameters(), RATE, BETAS)
    before = padded([own[:-3] for own in lists])
    after = padded([own[1:-2] for own in lists])
    kept, highest, worse, judging = model.state_dict(), -1.0, 0, 0.0
    is_time = True
    while is_time and worse < PATIENCE:
        model.train()
        for rows in torch.randperm(len(lists)).split(BATCH):
            optimizer.zero_grad()
            asked = after[rows] > 0
            logits = model.scores(model(before[rows])[asked])
            nn.functional.cross_entropy(logits, after[rows][asked] - 1).backward()
            optimizer.step()
            is_time = time.monotonic() - started + judging < seconds
            if not is_time:
                break
        began = time.monotonic()
        reached = hit_rate(model, lists)
        judging = time.monotonic() - began
        worse = 0 if reached > highest else worse + 1
        if reached > highest:
            kept, highest = copy.deepcopy(model.state_dict()), reached
        print(
            f"sasrec, {time.monotonic() - started:.0f} s: HR@10 {reached:.4f} on eval", flush=True
        )
    model.load_state_dict(kept)
    return model


def run() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lists", required=True, help="a .jsonl file with `items` in order")
    parser.add_argument("--output", required=True, help="a .json file: the best of each list")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    lines = Path(options.lists).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["items"] for line in lines]
    names = ["", *dict.fromkeys(item for own in texts for item in own)]
    at = {name: number for number, name in enumerate(names)}
    lists = [[at[item] for item in own] for own in texts]
    started = time.monotonic()
    model = train(lists, len(names) - 1, options.minutes * 60)
    seconds = time.monotonic() - started
    histories = [own[:-1] for own in lists]
    found = {
        what: [[names[item] for item in row] for row in best(model, histories, what == "new_only")]
        for what in ("all", "new_only")
    }
    Path(options.output).write_text(
        json.dumps({"best": found, "seconds": seconds}), encoding="utf-8"
    )


if __name__ == "__main__":
    run()
