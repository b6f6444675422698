"""Files of rows written anew without some of their rows, each as a whole or not at all."""

import shutil
from contextlib import suppress
from pathlib import Path

from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.forgetting.meant import FoundIn, Meant, find
from pipeline.rows.csv_dialect import Csv
from pipeline.storage import stores
from pipeline.storage.full_disk import full_disk_explained


def write(found: FoundIn, to: Path, meant: Meant, csv: Csv, state: str | None) -> None:
    """Writes a file without the rows that are meant, beside `to` and then in its place.

    What was written is read again first: it must have the other rows and none that is meant.
    Raises Failure: 3 where the file is not in its `state` any more, 5 where the rows cannot be
    taken out without the others being read in another way.
    """
    source, to = Path(found.path), to.resolve()
    # The suffix stays at the end: it says the format.
    partial = to.with_name(f".partial-{to.name}")
    try:
        with full_disk_explained(to):
            rows.write_without(found.path, found.meant, partial, csv)
        again = find(str(partial), meant, csv)
        if stores.state(found.path) != state:
            rule = "a file must stay as it is while rows are taken out"
            raise Failure(Exit.OCCUPIED, rule, received=f"{found.path}, which was changed")
        if (again.rows, len(again.meant), _texts(again)) != (found.left, 0, _texts(found)):
            rule = f"the other rows of {found.path} must be read as before: mend its broken rows"
            raise Failure(Exit.INTEGRITY, rule, received="other rows where these are gone")
        shutil.copymode(source, partial)
        partial.replace(to)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def _texts(found: FoundIn) -> list[str]:
    return [one.text for one in found.unreadable]
