"""fastText in the training benchmark: `benchmarks.train` starts it with a Python that has it.

Supervised, with the ten tokens as words, each marked with its position, and the package as one
more. Its log loss would be expensive to get; accuracies are over the same held-out rows.
"""

import time
from pathlib import Path

import fasttext
import numpy as np

from benchmarks.train_rows import CUT_OFF, CUTS, Rows, entry, load_rows, write_result

LABEL = "__label__"
DIM, RATE, THREADS = 128, 0.5, 2
# Each is a run of its own: the rate falls to 0 over it.
EPOCHS = (1, 2, 3, 5, 7, 10)


def write_lines(path: Path, side: dict[str, np.ndarray], *, labels: bool) -> list[str]:
    lines = []
    for tokens, package, label in zip(side["tokens"], side["package"], side["label"], strict=True):
        words = " ".join(f"{place}_{token}" for place, token in enumerate(tokens))
        lines.append(f"{LABEL * labels}{f'{label} ' * labels}{words} p_{package}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def accuracies(
    model: fasttext.FastText._FastText, lines: list[str], rows: Rows
) -> dict[str, float]:
    """The class of all other labels is never a prediction, here as for the others."""
    other, hits = f"{LABEL}{rows.classes - 1}", dict.fromkeys(CUTS, 0)
    for line, label in zip(lines, rows.held_out["label"], strict=True):
        found = [said for _, said in model.f.predict(line + "\n", max(CUTS) + 1, 0.0, "strict")]
        found = [said for said in found if said != other]
        for k in CUTS:
            hits[k] += f"{LABEL}{label}" in found[:k]
    return {f"accuracy@{k}": hits[k] / len(lines) for k in CUTS}


def run() -> None:
    said = entry(("fasttext hs", "fasttext ova")).parse_args()
    rows, points = load_rows(said.rows), []
    text = said.output.with_suffix(".txt")
    write_lines(text, rows.train, labels=True)
    asked = write_lines(text.with_suffix(".held-out.txt"), rows.held_out, labels=False)
    for epochs in EPOCHS[: said.epochs]:
        started = time.perf_counter()
        model = fasttext.train_supervised(
            str(text),
            loss=said.name.split()[1],
            epoch=epochs,
            dim=DIM,
            lr=RATE,
            thread=THREADS,
            seed=said.seed,
            verbose=0,
        )
        seconds = time.perf_counter() - started
        point = {"seconds": seconds, "examples": epochs * len(rows.train["label"])}
        points.append(point | accuracies(model, asked, rows))
        write_result(said.output, points, CUT_OFF)
        if seconds > 60 * said.minutes / 3:  # the next would take up to three times as long
            return write_result(said.output, points, "out of time")
    return write_result(said.output, points, "all epochs")


if __name__ == "__main__":
    run()
