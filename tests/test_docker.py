"""The Dockerfiles and the jobs of docs/vertex.md, by their form: no engine runs here."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from trainer.options import read_options
from trainer.tuner import metric_lines

ROOT = Path(__file__).parent.parent
IMAGES = {"trainer": "trainer.task", "scorer": "serving.score"}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
GUIDE = (ROOT / "docs" / "vertex.md").read_text(encoding="utf-8")


def instructions(name: str) -> list[tuple[str, str]]:
    text = (ROOT / "docker" / f"{name}.Dockerfile").read_text()
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line]
    return [(word, " ".join(rest.split())) for word, rest in pairs]


def of_kind(name: str, kind: str) -> list[str]:
    return [rest for word, rest in instructions(name) if word == kind]


@pytest.mark.parametrize("image", IMAGES)
def test_every_instruction_is_one_that_docker_knows(image: str) -> None:
    known = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "ENV", "ENTRYPOINT"}
    words = [word for word, _ in instructions(image)]
    assert words[0] == "FROM"
    assert set(words) <= known


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_copied_is_there(image: str) -> None:
    for line in of_kind(image, "COPY"):
        *sources, target = line.split()
        assert len(sources) == 1 or target.endswith("/")
        assert [s for s in sources if not (ROOT / s).exists()] == []


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_installed_is_copied_before_and_exists(image: str) -> None:
    copied: set[str] = set()
    for word, rest in instructions(image):
        if word == "COPY":
            copied |= set(rest.split()[:-1])
        if word == "RUN" and rest.startswith("pip install"):
            assert set(re.findall(r"requirements/\S+", rest)) <= copied
            for extras in re.findall(r"\.\[([a-z,]+)\]", rest):
                assert set(extras.split(",")) <= set(EXTRAS)


@pytest.mark.parametrize("image", IMAGES)
def test_it_runs_our_module_and_not_as_root(image: str) -> None:
    [entry] = of_kind(image, "ENTRYPOINT")
    python, m, module = json.loads(entry)
    assert (python, m, module) == ("python", "-m", IMAGES[image])
    assert importlib.util.find_spec(module) is not None
    package = module.split(".")[0]
    assert any(line.split()[0] == package for line in of_kind(image, "COPY"))
    words = [word for word, _ in instructions(image)]
    assert of_kind(image, "USER") == ["app"]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word == "RUN")


def jobs() -> list[Any]:
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]


def pools(job: Any) -> list[Any]:
    return list((job.get("trialJobSpec") or job)["workerPoolSpecs"])


def test_the_arguments_of_the_jobs_are_ones_that_the_trainer_takes() -> None:
    vertex = {"AIP_MODEL_DIR": "gs://BUCKET/run/model/"}
    found = [p["containerSpec"]["args"] for job in jobs() for p in pools(job)]
    assert len(found) == 4
    for arguments in found:
        assert read_options(arguments, vertex, "").data == "gs://BUCKET/data"


def test_the_tuner_gives_parameters_that_are_settings_and_reads_a_metric_that_is_reported() -> None:
    [study] = [job["studySpec"] for job in jobs() if "studySpec" in job]
    flags = [f"--{parameter['parameterId']}=1" for parameter in study["parameters"]]
    said = read_options(["--data", "d", "--output", "o", *flags], {}, "")
    assert said.settings == ("training.learning_rate=1", "training.batch_size=1")
    [metric] = study["metrics"]
    [line] = metric_lines({"epoch": 1, "steps": 3, "eval_loss": 0.5}, "1", 0.0)
    assert json.loads(line)[metric["metricId"]] == "0.5"
