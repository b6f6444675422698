"""Networks of one file: the part of it that some heads need, made when it is first asked for."""

from collections.abc import Iterable, Mapping, Sequence

from kinds import tensors
from kinds.heads.score import FileHead
from serving.model_file.file_graph import FileGraph
from serving.model_file.metadata import Metadata
from serving.model_file.network import Array, Network
from serving.model_file.unknown import UnknownValues


class Networks:
    """Each also gives what tells values that the model does not know, which `count` reads, and of
    each head the tensor that is `beside` it."""

    def __init__(
        self,
        graph: FileGraph,
        metadata: Metadata,
        *,
        labels_only: bool,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        self._beside = beside or {}
        self._graph, self._labels_only, self._top_k = graph, labels_only, metadata.top_k
        self._usual, self._memories = metadata.usual(), metadata.memories()
        self._made: dict[tuple[tuple[str, ...], tuple[str, ...]], Network] = {}

    def of(self, heads: Sequence[FileHead], limited: Sequence[str] = ()) -> Network:
        """The one of these heads, of which those that are `limited` take lists of labels."""
        names = tuple(head.name for head in heads), tuple(limited)
        if names not in self._made:
            self._made[names] = Network(
                self._graph,
                heads,
                top_k=self._top_k,
                labels_only=self._labels_only,
                further=[
                    *map(tensors.ids, self._usual),
                    *(one.place for one in self._memories.values()),
                ],
                limited=limited,
                beside={self._beside[name] for name in names[0] if name in self._beside},
            )
        return self._made[names]

    def count(self, outputs: Iterable[Mapping[str, Array]], seen: UnknownValues) -> None:
        """Adds the unknown values that outputs tell of."""
        found = list(outputs)
        seen.add(self._usual, found)
        seen.add_memories(self._memories, found)
