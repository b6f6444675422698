# The trainer, for Vertex AI's custom training or any other place that runs containers.
#
#     docker build -f docker/trainer.Dockerfile -t trainer .
#
# With GPUs: --build-arg TENSORFLOW='tensorflow[and-cuda]'
FROM python:3.11-slim
ARG TENSORFLOW=tensorflow
WORKDIR /app
COPY requirements/tested.txt requirements/
COPY pyproject.toml setup.py README.md LICENSE ./
COPY kinds kinds
COPY pipeline pipeline
COPY trainer trainer
RUN pip install --no-cache-dir -c requirements/tested.txt "${TENSORFLOW}" '.[train,tracking]'
RUN useradd --create-home app
USER app
WORKDIR /home/app
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m", "trainer.task"]
