"""What a Dataflow flex template runs (docs/dataflow.md): `pipeline.prepare`, started as a file.

A file of the package itself would not do: Python looks beside the file that it is given first, and
would take the package's modules for others of the same name (examples, for one).
"""

from pipeline.failures import main
from pipeline.prepare import run

if __name__ == "__main__":
    main(run)
