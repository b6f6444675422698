"""Memory for rows so large that a few fill a block.

Allocators keep what was freed for the next who asks, up to several times the largest piece. Beside
many small rows that is little; of one large cell it would be most of the memory that it takes. So
the first such row changes how this process is given memory. Standard library and pyarrow only.
"""

import ctypes
from functools import cache

import pyarrow as pa

_ROW_BYTES = 256 << 10
_M_MMAP_THRESHOLD = -3


def are_large(size: int, rows: int) -> bool:
    """Whether so many bytes of rows are large ones on the average."""
    return size > _ROW_BYTES * max(1, rows)


def pool(size: int, rows: int) -> pa.MemoryPool:
    """Whose memory a step over so many bytes of rows should use."""
    if not are_large(size, rows):
        return pa.default_memory_pool()
    _map_large_pieces()
    return pa.system_memory_pool()


def give_back() -> None:
    """Returns what this process has freed to the system, which takes a millisecond or less."""
    pa.default_memory_pool().release_unused()
    if trim := getattr(_c_library(), "malloc_trim", None):
        trim(0)


@cache
def _map_large_pieces() -> None:
    """From here on the C library maps each large piece by itself, and unmaps it when it is freed.

    Such a piece also grows without a copy. It costs some system time, about a tenth of what
    preparing small rows takes.
    """
    if mallopt := getattr(_c_library(), "mallopt", None):
        mallopt(_M_MMAP_THRESHOLD, _ROW_BYTES)


@cache
def _c_library() -> ctypes.CDLL:
    """The GNU C library has both calls; where another one lacks them, more memory is kept."""
    return ctypes.CDLL(None)
