"""Tables that start with vectors that exist, as prepare has put them into the data folder."""

from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.spec import Spec
from trainer.network import Network
from trainer.network.body import table_layer


def start_tables(network: Network, spec: Spec, data: DataFolder) -> None:
    """Puts the vectors in the rows of their values; the other rows stay as they were drawn.

    Raises Failure 2 where the spec has become another width than that of the vectors."""
    for table, lookup in spec.starts().items():
        ids, vectors = data.vectors(table)
        if vectors.shape[1] != lookup.width:
            rule = f"the `embedding` of inputs with the table {table!r} must be {vectors.shape[1]}"
            raise Failure(Exit.USAGE, f"{rule}, as wide as its vectors", received=lookup.width)
        embeddings = network.body.get_layer(table_layer(spec, table)).embeddings
        start = embeddings.numpy()
        start[ids] = vectors
        embeddings.assign(start)
