"""What was found in each input file, kept for the next run: data seen before is not read again.

A file of the cache is named by hashes of everything that its content depends on: the input file's
bytes, what is learned, how rows are split, and this code. So there is nothing to invalidate: a
changed input has another name, and what is damaged is found anew. It is a SHA-256 and a Parquet
file of values and counts with the rest in its metadata; nothing in it is executed.
"""

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from pipeline import manifest
from pipeline import spec as specs
from pipeline.distributions.value_counts import SCHEMA, ValueCounts, added
from pipeline.fields import Fields
from pipeline.folders.cache import SUFFIX, file_name
from pipeline.preparing import reading
from pipeline.preparing.learning import Found, Learn
from pipeline.preparing.moments import restored, stored
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.sides import by_file, row_hashes
from pipeline.storage.stores import is_object, is_table

# The files used last are kept up to this size in all.
CACHE_BYTES = 10 << 30
FIRST_ROW = np.ones(1, np.int64)
_META, _DIGEST = b"found", 32


class Cache:
    """A folder of findings. `contents` has the hash of each input file by its path, `names` what
    the file's name says about its rows."""

    def __init__(
        self,
        folder: Path,
        contents: Mapping[str, str],
        made_for: str,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._folder, self._contents, self._made_for = folder, dict(contents), made_for
        self._names = dict(names or {})

    def load(self, path: str, empty: Found, split: str = "") -> Found | None:
        """What was found in an input file, or None. `empty` is what was found in no row; `split`
        says what is known of the file's sides that its rows do not tell."""
        name = self._name(path, split)
        try:
            content = name.read_bytes()
            os.utime(name)
        except FileNotFoundError:
            return None
        digest, table = content[:_DIGEST], content[_DIGEST:]
        return _found(table, empty) if hashlib.sha256(table).digest() == digest else None

    def store(self, path: str, found: Found, split: str = "") -> None:
        name = self._name(path, split)
        table = _table_bytes(found)
        partial = name.with_name(f".{uuid.uuid4().hex}")
        partial.write_bytes(hashlib.sha256(table).digest() + table)
        partial.replace(name)

    def _name(self, path: str, split: str) -> Path:
        content, of_name = self._contents[path], self._names.get(path, "")
        key = manifest.combined_hash([content, of_name, self._made_for, split])
        return self._folder / file_name(content, key)


def opened(
    folder: Path, contents: Mapping[str, str], split: specs.Split, made_for: Sequence[str]
) -> Cache:
    """The cache in a folder, which is made where there is none, and kept within its bound."""
    folder.mkdir(parents=True, exist_ok=True)
    _prune(folder, CACHE_BYTES)
    # Of an object only the size and the time are known, and another may have the same.
    contents = {p: f"{p} {said}" if is_object(p) else said for p, said in contents.items()}
    names: dict[str, str] = {}
    if isinstance(split, specs.FileSplit):
        names = {path: str(by_file(path, split.eval, split.test)) for path in contents}
    if isinstance(split, specs.RowSplit):
        names = {path: str(int(row_hashes(path, FIRST_ROW)[0])) for path in contents}
    return Cache(folder, contents, manifest.combined_hash(made_for), names)


class FindInFiles(reading.ReadTrainingRows):
    """Part of a file to what is found in its training rows: from the cache, or by reading them.

    The cache knows whole files only, and no tables.
    """

    def __init__(
        self,
        paths: Sequence[str],
        fields: Fields,
        split: specs.Split,
        learn: Learn,
        cache: Cache | None,
        csv: Csv = AS_FOUND,
    ) -> None:
        super().__init__(paths, fields, split, csv)
        self._learn, self._cache = learn, cache

    def process(
        self, part: reading.FilePart, known: reading.Known | None = None
    ) -> Iterator[Found]:
        path, found = self._paths[part.file], self._learn.create_accumulator()
        cache = None if is_table(path) else self._cache
        split = "" if known is None else reading.known_of(known, part.file)
        if cache and (kept := cache.load(path, found, split)):
            yield kept
            return
        for rows in super().process(part, known):
            found = self._learn.add_input(found, rows)
        found = self._learn.compact(found)
        if cache:
            cache.store(path, found, split)
        yield found


def _table_bytes(found: Found) -> bytes:
    tables, rest = [], []
    for (kind, name), one in found.items():
        if isinstance(one, ValueCounts):
            whole = added(one)
            (table,) = whole.parts
            tables.append(table.combine_chunks())
            rest.append([kind, name, {"rows": table.num_rows, "lost": whole.lost}])
        elif isinstance(one, np.ndarray):
            rest.append([kind, name, one.tolist()])
        else:
            rest.append([kind, name, base64.b64encode(stored(one)).decode()])
    table = pa.concat_tables([SCHEMA.empty_table(), *tables])
    table = table.replace_schema_metadata({_META: json.dumps(rest)})
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _found(content: bytes, empty: Found) -> Found:
    table = pyarrow.parquet.read_table(pa.BufferReader(content))
    found: Found = {}
    start = 0
    for kind, name, said in json.loads(table.schema.metadata[_META]):
        like: Any = empty[kind, name]
        if isinstance(like, ValueCounts):
            part = table.slice(start, said["rows"]).replace_schema_metadata()
            start += said["rows"]
            found[kind, name] = ValueCounts((part,), said["lost"], like.limit)
        elif isinstance(like, np.ndarray):
            found[kind, name] = np.array(said, like.dtype).reshape(like.shape)
        else:
            found[kind, name] = restored(base64.b64decode(said))
    return found


def _prune(folder: Path, most: int) -> None:
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: -path.stat().st_mtime)
    sizes = np.cumsum([path.stat().st_size for path in files])
    for path, size in zip(files, sizes.tolist(), strict=True):
        if size > most:
            path.unlink()
