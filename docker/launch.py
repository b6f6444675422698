"""What a Dataflow flex template runs (docs/dataflow.md): `pipeline.prepare`, started as a file.

A file of the package itself would not do: Python looks beside the file that it is given first, and
finds pipeline/statistics.py instead of its own module of that name.
"""

from pipeline.failures import main
from pipeline.prepare import run

if __name__ == "__main__":
    main(run)
