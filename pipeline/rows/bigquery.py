"""Rows of BigQuery tables and queries, through Beam's own source (ReadFromBigQuery).

    bigquery://project.dataset.table
    bigquery://SELECT word, next FROM `project.dataset.table` WHERE day < '2020-02-01'

The service gives rows in any order and without numbers: a row's number here is a hash of what it
holds, so that it is the same in every reading.
"""

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io.gcp.bigquery_tools import parse_table_reference

from pipeline.failures import Exit, Failure
from pipeline.rows.batches import RawBatch
from pipeline.storage.stores import BIGQUERY

_NUMBER_BYTES, _LEAST_ROWS, _MOST_ROWS = 5, 1_000, 32_768


def source(path: str, columns: Sequence[str]) -> beam.PTransform:
    """Beam's source of a table, of which the columns are read only, or of a query.

    Raises Failure: 2 for a name that is no table's, 6 where Google's libraries are not installed.
    """
    _check_installed(path)
    asked = path.removeprefix(BIGQUERY).strip()
    direct = beam.io.ReadFromBigQuery.Method.DIRECT_READ
    if " " in asked:
        return beam.io.ReadFromBigQuery(query=asked, use_standard_sql=True, method=direct)
    if not _is_whole_name(asked):
        rule = f"a table is named {BIGQUERY}project.dataset.table"
        raise Failure(Exit.USAGE, rule, received=path)
    return beam.io.ReadFromBigQuery(table=asked, selected_fields=list(columns), method=direct)


def _is_whole_name(name: str) -> bool:
    try:
        return bool(parse_table_reference(name).projectId)
    except ValueError:
        return False


def check_credentials() -> None:
    """Raises Failure 6 where there are none: the libraries would ask for a browser, and wait."""
    import google.auth

    try:
        google.auth.default()
    except google.auth.exceptions.DefaultCredentialsError as error:
        said = " ".join(str(error).split())
        raise Failure(Exit.ENVIRONMENT, "BigQuery needs credentials", received=said) from None


def batches() -> beam.PTransform:
    """Rows as dictionaries to lists of them."""
    return beam.BatchElements(min_batch_size=_LEAST_ROWS, max_batch_size=_MOST_ROWS)


def raw_batch(path: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> RawBatch:
    """Rows as columns of their own types. Raises Failure 2 where a query lacks a column."""
    if missing := [name for name in columns if name not in rows[0]]:
        rule = f"{path} must have the columns that the spec names; missing: {missing}"
        raise Failure(Exit.USAGE, rule, received=list(rows[0])[:50])
    arrays = [_array([row[name] for row in rows]) for name in columns]
    numbers = np.array([_number(row, columns) for row in rows], dtype=np.int64)
    return RawBatch(0, pa.RecordBatch.from_arrays(arrays, names=list(columns)), [], numbers)


def _array(values: list[Any]) -> pa.Array:
    # One scale for all decimals of a batch would change their text.
    texts = [str(value) if isinstance(value, Decimal) else value for value in values]
    return pa.array(texts)


def _number(row: Mapping[str, Any], columns: Sequence[str]) -> int:
    said = json.dumps([row[name] for name in columns], default=str).encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=_NUMBER_BYTES).digest(), "little")


def _check_installed(path: str) -> None:
    packages = ("google.cloud.bigquery", "google.cloud.bigquery_storage")
    try:
        lacking = [name for name in packages if importlib.util.find_spec(name) is None]
    except ModuleNotFoundError as error:
        lacking = [str(error.name)]
    if lacking:
        rule = "BigQuery is read with Google's libraries: pip install '.[gcp]'"
        raise Failure(Exit.ENVIRONMENT, rule, received=f"{path} without {lacking[0]}")
