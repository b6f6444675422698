"""Writes what a model has learned as vectors: `python -m serving.vectors --model MODEL --output F`.

Those of an input's values or of a head's labels, from the one file, for indexes of neighbours and
for other programs: as text (.vec, also .gz) or Parquet, both of which a spec's `tables` can start
from. Needs what the scorer needs and nothing else. Of a run's folder it writes a table as it was
learned, before any shared block, and then needs Keras.
"""

import argparse
import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.failures import Exit, Failure, main
from pipeline.storage.full_disk import full_disk_explained
from pipeline.surroundings import own_keras
from serving.model_file.embeddings import Embeddings, add_space, space_of
from serving.model_file.integrity import read_model

# Enough digits for every float32 to be read as itself.
_DIGITS = "%.9g"


def run(arguments: Sequence[str]) -> None:
    """The command: writes the file, and says what is in it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.run is None) != (options.table is None):
        parser.error("--run goes with --table, and --model with --input or --head")
    output = Path(options.output)
    _writer(output)
    if options.run is None:
        space = space_of(read_model(Path(options.model)), options.input, options.head)
    else:
        space = table_of(Path(options.run), options.table)
    write(space, output)
    count, width = space.vectors.shape
    print(f"{output}: {count:,} vectors of {width} numbers")


def write(space: Embeddings, output: Path) -> None:
    """The whole file or none. Raises Failure 2 for a name or a value that it cannot have."""
    writer = _writer(output)
    _check_writable(space, output)
    partial = output.with_name(f".{output.name}.partial")
    try:
        with full_disk_explained(output), partial.open("wb") as file:
            writer(space, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(output)
    except (FileNotFoundError, NotADirectoryError):
        rule = "the output must be in a folder that exists"
        raise Failure(Exit.USAGE, rule, received=output) from None
    finally:
        partial.unlink(missing_ok=True)


def table_of(run: Path, name: str) -> Embeddings:
    """A table of a run's folder. Raises Failure: 2 for a table that it does not have, 5 where the
    folder was changed, 6 where Keras is on another backend."""
    with own_keras():
        import keras

    from pipeline.folders.run import RunFolder

    folder = RunFolder(run).verified()
    tables = {part.table: part.vocabulary for part in folder.spec.lookups().values()}
    model = keras.saving.load_model(folder.keras_model, compile=False)
    named = {layer.name.removeprefix("table").lstrip("."): layer for layer in model.layers}
    found = sorted(named.keys() & tables.keys())
    if name not in found:
        raise Failure(Exit.USAGE, f"--table must be one of {found}", received=name)
    values = list(folder.vocabulary(tables[name] or ""))
    return Embeddings(values, named[name].get_weights()[0][: len(values)])


def write_text(space: Embeddings, file: BinaryIO) -> None:
    """As word2vec and fastText have it: a line of sizes, then each value and its numbers."""
    count, width = space.vectors.shape
    file.write(f"{count} {width}\n".encode())
    numbers = " ".join([_DIGITS] * width)
    for value, vector in zip(space.values, space.vectors, strict=True):
        file.write(f"{value} {numbers % tuple(vector.tolist())}\n".encode())


def write_packed_text(space: Embeddings, file: BinaryIO) -> None:
    """The same, and the same bytes whenever it is written."""
    with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        write_text(space, cast(BinaryIO, packed))


def write_parquet(space: Embeddings, file: BinaryIO) -> None:
    """Columns `value` and `vector`, lists of float32 of one length."""
    flat = pa.array(space.vectors.ravel(), pa.float32())
    vectors = pa.FixedSizeListArray.from_arrays(flat, space.vectors.shape[1])
    pq.write_table(pa.table({"value": pa.array(space.values), "vector": vectors}), file)


Write = Callable[[Embeddings, BinaryIO], None]
_WRITERS: dict[str, Write] = {
    ".vec": write_text,
    ".vec.gz": write_packed_text,
    ".parquet": write_parquet,
}


def _writer(output: Path) -> Write:
    for suffix, write in _WRITERS.items():
        if output.name.endswith(suffix):
            return write
    raise Failure(Exit.USAGE, "vectors are written to .vec, .vec.gz or .parquet", received=output)


def _check_writable(space: Embeddings, output: Path) -> None:
    """In text a space ends a value. Raises Failure 2 for a value that has one."""
    if output.suffix != ".parquet":
        for value in space.values:
            if value.split() != [value]:
                rule = "in .vec a value is one word, without spaces; take .parquet"
                raise Failure(Exit.USAGE, rule, received=repr(value))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.vectors",
        description="The vectors of values or labels that a model has learned, as a file.",
        epilog="Example: python -m serving.vectors --model model.onnx --input word --output w.vec",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="model.onnx, its .sha256 beside it")
    source.add_argument("--run", help="instead the folder of a run, for a table as it was learned")
    space = add_space(parser, "written")
    space.add_argument("--table", help="of a run: the table whose values are written")
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="a .vec, .vec.gz or .parquet"
    )
    return parser


if __name__ == "__main__":
    main(run)
