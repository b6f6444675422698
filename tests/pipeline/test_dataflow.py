"""A submission to Dataflow, seen without Google: what is staged, what is asked for."""

import json
import os
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud.dataflow_v1beta3.types import ContainerSpec, SDKInfo
from object_stores import environment, named, served

from pipeline.storage import stores

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-the-launcher-4711"
IMAGE = "registry.example/shared-weights-worker:0.1"
SPEC = """
name: clustered
inputs: {x: {kind: number}}
heads: {y: {kind: binary}}
split: {by: hash, columns: [x], eval: 0.2, test: 0.2}
"""


class _Service(BaseHTTPRequestHandler):
    """Grants every token and takes every job."""

    jobs: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/token"):
            self._say({"access_token": "loopback", "expires_in": 3600, "token_type": "Bearer"})
            return
        job = json.loads(body)
        self.jobs.append(job)
        self._say({"id": "job-1", "name": job["name"], "projectId": "project"})

    def _say(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def _credentials(folder: Path, service: str) -> Path:
    """A service account that nobody has."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    said = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "nobody@project.example",
        "client_id": "1",
        "token_uri": f"{service}/token",
    }
    path = folder / "account.json"
    path.write_text(json.dumps(said))
    return path


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[str, int]]:
    with served("gs") as port, named("gs", port) as bucket:
        stores.write(f"{bucket}/rows/a.csv", b"x,y\n1,0\n2,1\n")
        yield bucket, port


def _submit(
    folder: Path, bucket: tuple[str, int], service: str, *more: str
) -> "subprocess.CompletedProcess[str]":
    place, _ = bucket
    (folder / "spec.yaml").write_text(SPEC)
    options = {
        "spec": folder / "spec.yaml",
        "input": f"{place}/rows/*.csv",
        "output": f"{place}/data",
        "runner": "DataflowRunner",
        "project": "project",
        "region": "europe-west4",
        "temp_location": f"{place}/temp",
        "staging_location": f"{place}/staging",
        "setup_file": "./setup.py",
        "sdk_container_image": IMAGE,
        "sdk_location": "container",
        "worker_machine_type": "n2-standard-4",
        "max_num_workers": 20,
        "disk_size_gb": 200,
        "dataflow_endpoint": service,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return _started(folder, bucket, service, ["-m", "pipeline.prepare", *arguments, *more], ROOT)


def _started(
    folder: Path, bucket: tuple[str, int], service: str, command: list[str], where: Path
) -> "subprocess.CompletedProcess[str]":
    surroundings = {
        **os.environ,
        **environment("gs", bucket[1]),
        "GOOGLE_APPLICATION_CREDENTIALS": str(_credentials(folder, service)),
        "NO_GCE_CHECK": "true",
        "DATABASE_PASSWORD": SECRET,
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=where,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def job(
    tmp_path_factory: pytest.TempPathFactory, bucket: tuple[str, int], service: str
) -> dict[str, Any]:
    done = _submit(tmp_path_factory.mktemp("dataflow"), bucket, service)
    assert done.returncode == 0, done.stderr
    assert f"job job-1 is on its way; it publishes {bucket[0]}/data itself" in done.stderr
    (job,) = _Service.jobs
    return job


def _pool(job: dict[str, Any]) -> dict[str, Any]:
    (pool,) = job["environment"]["workerPools"]
    found: dict[str, Any] = pool
    return found


def test_workers_are_as_they_were_asked_for(job: dict[str, Any]) -> None:
    pool = _pool(job)
    assert {one["containerImage"] for one in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert pool["machineType"] == "n2-standard-4"
    assert int(pool["diskSizeGb"]) == 200
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 20


def _objects(bucket: str) -> dict[str, bytes]:
    found = {}
    for path in stores.listed(f"{bucket}/staging"):
        with stores.reader(path) as file:
            found[path] = file.read()
    return found


def test_the_staged_package_is_this_project(job: dict[str, Any], bucket: tuple[str, int]) -> None:
    packages = [one["location"].rpartition("/")[2] for one in _pool(job)["packages"]]
    staged = _objects(bucket[0])
    (content,) = [content for path, content in staged.items() if path.endswith(".tar.gz")]
    assert any(name.endswith(".tar.gz") for name in packages)
    with tarfile.open(fileobj=BytesIO(content)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    ours = (ROOT / "pipeline").rglob("*.py")
    assert {path.relative_to(ROOT).as_posix() for path in ours} <= names


def test_nothing_secret_is_in_the_job(job: dict[str, Any], bucket: tuple[str, int]) -> None:
    said = [json.dumps(job).encode(), *_objects(bucket[0]).values()]
    assert len(said) > 2
    for content in said:
        assert SECRET.encode() not in content
        assert b"PRIVATE KEY" not in content


def test_the_last_step_publishes(job: dict[str, Any], bucket: tuple[str, int]) -> None:
    (graph,) = [c for path, c in _objects(bucket[0]).items() if path.endswith("pipeline.pb")]
    for step in (b"FindInFiles", b"ReadRows", b"Write", b"Publish"):
        assert step in graph


def test_a_classic_template_is_written(
    tmp_path: Path, bucket: tuple[str, int], service: str, job: dict[str, Any]
) -> None:
    template = f"{bucket[0]}/templates/prepare"
    done = _submit(tmp_path, bucket, service, f"--template_location={template}")
    assert done.returncode == 0, done.stderr
    assert "the template" in done.stderr
    assert len(_Service.jobs) == 1
    with stores.reader(template) as file:
        said = json.loads(file.read())
    assert _pool(said)["machineType"] == "n2-standard-4"
    assert SECRET not in json.dumps(said)


def _flex_template() -> ContainerSpec:
    """As Google's own client reads it: a field that Dataflow does not know is an error."""
    text = (ROOT / "docker" / "flex-template.json").read_text()
    return ContainerSpec.from_json(text, ignore_unknown_fields=False)


def test_a_flex_template_is_in_dataflows_form() -> None:
    template = _flex_template()
    assert template.sdk_info.language == SDKInfo.Language.PYTHON
    said = json.loads((ROOT / "docker" / "flex-template.json").read_text())["metadata"]
    assert all(one["label"] and one["helpText"] for one in said["parameters"])
    examples = {
        "spec": "gs://bucket/spec.yaml",
        "input": "gs://bucket/rows/*.parquet",
        "output": "gs://bucket/data",
        "shards": "7",
    }
    for parameter in template.metadata.parameters:
        assert all(re.fullmatch(one, examples[parameter.name]) for one in parameter.regexes)
        assert not any(re.fullmatch(one, "rows.csv") for one in parameter.regexes)


def test_a_flex_template_launches_a_job_with_its_parameters(
    tmp_path: Path, bucket: tuple[str, int], service: str, job: dict[str, Any]
) -> None:
    """Started as Google's launcher does: a file, elsewhere, that writes the job for the service."""
    place, _ = bucket
    stores.write(f"{place}/spec.yaml", SPEC.encode())
    values = {
        "spec": f"{place}/spec.yaml",
        "input": f"{place}/rows/*.csv",
        "output": f"{place}/flex",
        "shards": "2",
    }
    template = _flex_template()
    parameters = {one.name: values[one.name] for one in template.metadata.parameters}
    launchers = {
        "runner": "DataflowRunner",
        "project": "project",
        "region": "europe-west4",
        "job_name": "prepare-1",
        "temp_location": f"{place}/temp",
        "staging_location": f"{place}/staging",
        "template_location": f"{place}/launches/job_object",
        "sdk_container_image": template.default_environment.sdk_container_image,
        "machine_type": template.default_environment.machine_type,
        "disk_size_gb": template.default_environment.disk_size_gb,
    }
    arguments = [f"--{name}={value}" for name, value in {**parameters, **launchers}.items()]
    command = [str(ROOT / "docker" / "launch.py"), *arguments]
    done = _started(tmp_path, bucket, service, command, tmp_path)
    assert done.returncode == 0, done.stderr
    with stores.reader(f"{place}/launches/job_object") as file:
        said = json.loads(file.read())
    images = {one["containerImage"] for one in _pool(said)["sdkHarnessContainerImages"]}
    assert images == {IMAGE}


def test_the_launchers_image_has_what_its_template_asks_for() -> None:
    text = (ROOT / "docker" / "launcher.Dockerfile").read_text().replace("\\\n", " ")
    steps = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert steps[0] == ["FROM", _flex_template().default_environment.sdk_container_image]
    copied = {step[-1]: step[-2] for step in steps if step[0] == "COPY"}
    (started,) = [step[1].partition("=")[2] for step in steps if step[0] == "ENV"]
    assert (ROOT / copied[started]).exists()
    (entry,) = [json.loads(step[1]) for step in steps if step[0] == "ENTRYPOINT"]
    assert entry == [copied["/opt/google/dataflow/python_template_launcher"]]


def test_an_option_that_there_is_not_is_named(
    tmp_path: Path, bucket: tuple[str, int], service: str
) -> None:
    done = _submit(tmp_path, bucket, service, "--no_such_option=1")
    assert done.returncode == 2
    assert "no_such_option" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_worker_image_has_what_the_launcher_has() -> None:
    lines = (ROOT / "docker" / "worker.Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line for line in lines if line and not line.startswith("#")]
    (start,) = [line for line in steps if line.startswith("FROM ")]
    found = re.fullmatch(r"FROM apache/beam_python(3\.\d+)_sdk:(\S+)", start)
    assert found
    lock = f"requirements/py{found[1].replace('.', '')}-dev.txt"
    assert f"\napache-beam=={found[2]} " in (ROOT / lock).read_text()
    copied = [w for line in steps if line.startswith("COPY ") for w in line.split()[1:-1]]
    assert lock in copied
    assert all((ROOT / name).exists() for name in copied)
    assert all("--require-hashes" in line or line.endswith(" .") for line in steps if "RUN" in line)
    assert steps[-1] == 'ENTRYPOINT ["/opt/apache/beam/boot"]'
