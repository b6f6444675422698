"""What a model holds for alike: `python -m serving.neighbours --model MODEL --head X --of VALUE`.

The values or labels whose vectors point the same way, from the one file. Needs what the scorer
needs and nothing else.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.failures import Exit, Failure, main
from serving.model_file.embeddings import Embeddings, FileEmbeddings
from serving.score import positive
from serving.scorer import read_model


def run(arguments: Sequence[str]) -> None:
    """The command: a line for each neighbour, its cosine first."""
    options = _parser().parse_args(arguments)
    space = _space(FileEmbeddings(read_model(Path(options.model))), options.input, options.head)
    for value, cosine in space.nearest(options.of, options.count):
        print(f"{cosine:.3f}  {value}")


def _space(graph: FileEmbeddings, name: str | None, head: str | None) -> Embeddings:
    found = graph.of_input(name) if name is not None else graph.of_head(head or "")
    if found is None:
        rule = "--input must be one that looks values up, --head one with labels"
        raise Failure(Exit.USAGE, rule, received=name or head)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.neighbours",
        description="The values, or the labels, that a model holds for most alike.",
        epilog="Example: python -m serving.neighbours --model model.onnx --input word --of house",
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--input", help="the input whose values are compared")
    where.add_argument("--head", help="the head whose labels are compared")
    parser.add_argument("--of", required=True, metavar="VALUE", help="the value to start from")
    parser.add_argument("--count", type=positive, default=10, help="how many to print (10)")
    return parser


if __name__ == "__main__":
    main(run)
