# The scorer: onnxruntime, numpy and pyarrow, at the versions and hashes of the lock.
#
#     docker build -f docker/scorer.Dockerfile -t scorer .
FROM python:3.11-slim
WORKDIR /app
COPY requirements/py311-score.txt requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: \
    -r requirements/build.txt -r requirements/py311-score.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY kinds kinds
COPY pipeline pipeline
COPY serving serving
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
RUN useradd --create-home app
USER app
WORKDIR /home/app
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m", "serving.score"]
