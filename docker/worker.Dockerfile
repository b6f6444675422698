# Workers of pipeline.prepare on Dataflow, Flink or Spark (docs/dataflow.md).
# The launcher's Python must have the same minor version.
FROM apache/beam_python3.11_sdk:2.77.0

WORKDIR /app
COPY requirements/build.txt requirements/py311-dev.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && pip install --no-cache-dir --no-deps --no-build-isolation --require-hashes -r requirements/py311-dev.txt

COPY pyproject.toml setup.py README.md LICENSE ./
COPY kinds kinds
COPY pipeline pipeline
COPY trainer trainer
COPY serving serving
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

ENTRYPOINT ["/opt/apache/beam/boot"]
