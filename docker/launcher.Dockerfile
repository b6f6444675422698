# Launches pipeline.prepare as a Dataflow flex template (docs/dataflow.md): the worker's image, so that
# the job is made by the very code that runs it, with Google's launcher and our file for it.
FROM registry.example/shared-weights-worker:0.1

COPY --from=gcr.io/dataflow-templates-base/python311-template-launcher-base:latest \
  /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
COPY docker/launch.py /template/launch.py
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/template/launch.py

ENTRYPOINT ["/opt/google/dataflow/python_template_launcher"]
