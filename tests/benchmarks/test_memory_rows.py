"""The rows of the benchmark of counting in prepare."""

from benchmarks.memory_rows import BLOCK, MEMORIES, SIZES, SPEC, USED, blocks
from pipeline.spec.file import parse_spec


def test_there_are_so_many_rows_of_values_that_the_spec_has_room_for() -> None:
    found = list(blocks(BLOCK + 3))
    assert [one.num_rows for one in found] == [BLOCK, 3]
    spec = parse_spec(SPEC % USED + MEMORIES)
    for name, size in SIZES.items():
        assert spec.vocabularies[name].size == size
        assert set(found[1].column(name).to_pylist()) <= {f"{name} {at}" for at in range(size)}
