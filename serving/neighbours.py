"""What a model holds for alike: `python -m serving.neighbours --model MODEL --head X --of VALUE`.

The values or labels whose vectors point the same way, from the one file. Needs what the scorer
needs and nothing else.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from kinds.columns.readings import Reading, as_read
from pipeline.failures import main
from serving.model_file.embeddings import add_space, space_of
from serving.model_file.file_graph import FileGraph
from serving.model_file.integrity import read_model
from serving.model_file.metadata import KEY, Metadata, from_json
from serving.scoring.options import positive


def run(arguments: Sequence[str]) -> None:
    """The command: a line for each neighbour, its cosine first."""
    options = _parser().parse_args(arguments)
    content = read_model(Path(options.model))
    space = space_of(content, options.input, options.head)
    reading = _reading(from_json(FileGraph(content).metadata().get(KEY, "")), options)
    value = as_read(pa.array([options.of]), reading)[0].as_py()
    for other, cosine in space.nearest(value, options.count):
        print(f"{cosine:.3f}  {other}")


def _reading(model: Metadata, options: argparse.Namespace) -> Reading:
    """How the vocabulary of the input or the head was read."""
    if options.input is None:
        return next(head.target.reading for head in model.heads if head.name == options.head)
    column = model.training.get(options.input, {}).get("column")
    return next((one.reading for one in model.fields if one.output == column), "words")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.neighbours",
        description="The values, or the labels, that a model holds for most alike.",
        epilog="Example: python -m serving.neighbours --model model.onnx --input word --of house",
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    add_space(parser, "compared")
    parser.add_argument("--of", required=True, metavar="VALUE", help="the value to start from")
    parser.add_argument("--count", type=positive, default=10, help="how many to print (10)")
    return parser


if __name__ == "__main__":
    main(run)
