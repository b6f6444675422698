"""The cost of analysing one day, a hundred days, and one more with the cache of those.

    python -m benchmarks.prepare_cache [--days N]

A day is one file of the rows of the prepare benchmark. Only the analysis is measured, as prepare
runs it for each file, without Beam's start; writing examples reads every row again in any case,
because ids and means move. The last line is one JSON object, in seconds of CPU.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.prepare_rows import ROWS_PER_FILE, SPEC, write_files
from pipeline.failures import main
from pipeline.fields import analyses_of, fields_of
from pipeline.manifest import file_sha256
from pipeline.preparing.analysis_cache import FindInFiles, opened
from pipeline.preparing.learning import Join, Learn, Learned
from pipeline.preparing.reading import FilePart
from pipeline.processor import processor
from pipeline.spec.file import parse_spec


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepare_cache")
    parser.add_argument("--days", type=int, default=100)
    days = parser.parse_args(argv).days
    with tempfile.TemporaryDirectory(prefix="benchmark-cache-") as folder:
        files = write_files(Path(folder) / "rows", (days + 1) * ROWS_PER_FILE)
        paths = [str(path) for path in files]
        cache = Path(folder) / "cache"
        one, _ = analysed(paths[:1], None)
        all_days, _ = analysed(paths[:-1], cache)
        one_more, learned = analysed(paths, cache)
        again, fresh = analysed(paths, None)
        size = sum(path.stat().st_size for path in cache.iterdir())
    if learned.distributions != fresh.distributions:
        raise AssertionError("the cache must change nothing")
    said = {"one_day": one, "all_days": all_days, "one_day_more": one_more, "without_cache": again}
    rounded = {name: round(seconds, 2) for name, seconds in said.items()}
    print(
        json.dumps(
            {"benchmark": "prepare_cache", "processor": processor(), "days": days}
            | rounded
            | {"cache_mb": size >> 20}
        )
    )


def analysed(paths: Sequence[str], cache: Path | None) -> tuple[float, Learned]:
    """Seconds of CPU, hashing the files included, and what was learned."""
    started = time.process_time()
    spec = parse_spec(SPEC)
    fields, known = fields_of(spec), None
    learn = Learn(analyses_of(spec, fields), spec.vocabularies)
    if cache is not None:
        contents = {path: file_sha256(Path(path)) for path in paths}
        known = opened(cache, contents, spec.split, ["benchmark"])
    reader, join = FindInFiles(paths, fields, spec.split, learn, known), Join(learn)
    total = join.create_accumulator()
    for at in range(len(paths)):
        for found in reader.process(FilePart(at)):
            total = join.add_input(total, found)
    learned = join.extract_output(join.compact(total))
    return time.process_time() - started, learned


if __name__ == "__main__":
    main(run)
