"""A model that must be signed: what is refused, and that it is before anything else is done."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pyarrow.parquet
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from small_run import exported, small_rows

from pipeline.failures import Exit, Failure
from serving import score, sign


def keys(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """A new private key and its public one."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    key = ec.generate_private_key(ec.SECP256R1())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, info))
    return private, public


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    """The model of a signed folder, and the public key."""
    private, public = keys(tmp_path)
    model = shutil.copytree(exported() / "model", tmp_path / "model") / "model.onnx"
    sign.run(["--model", str(model), "--key", str(private)])
    return model, public


def scored(model: Path, public: Path) -> Path:
    folder = public.parent
    rows, output = folder / "rows.parquet", folder / "scores.parquet"
    pyarrow.parquet.write_table(small_rows(50), rows)
    line = ["--model", str(model), "--input", str(rows), "--output", str(output)]
    score.run([*line, "--require-signature", str(public)])
    return output


def test_a_signed_model_scores_wherever_it_lies(signed: tuple[Path, Path]) -> None:
    model, public = signed
    elsewhere = model.parent.rename(public.parent / "elsewhere")
    output = scored(elsewhere / model.name, public)
    assert pyarrow.parquet.read_metadata(output).num_rows == 50


def _no_signature(model: Path) -> None:
    sign.signature_of(model).unlink()


def _signature_of_another_key(model: Path) -> None:
    sign.sign(model, keys(model.parent.parent, "another")[0])


def _signature_cut_short(model: Path) -> None:
    path = sign.signature_of(model)
    path.write_bytes(path.read_bytes()[:-20])


def _another_model_with_its_sha256(model: Path) -> None:
    """What the file beside the model cannot tell: whoever changes one can change both."""
    other = model.read_bytes() + b"\0"
    model.write_bytes(other)
    beside = model.with_name("model.onnx.sha256")
    beside.write_text(f"{hashlib.sha256(other).hexdigest()}  model.onnx\n")


def _file_changed(model: Path) -> None:
    (model.parent / "README.md").write_text("another card")


def _file_gone(model: Path) -> None:
    (model.parent / "certificate.json").unlink()


def _file_more(model: Path) -> None:
    (model.parent / ".gitignore").write_text("")


ATTACKS = [
    _no_signature,
    _signature_of_another_key,
    _signature_cut_short,
    _another_model_with_its_sha256,
    _file_changed,
    _file_gone,
    _file_more,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.strip("_"))
def test_anything_else_is_refused_before_onnxruntime_sees_it(
    attack: Callable[[Path], None], signed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, public = signed
    attack(model)

    def reached(*_: object, **__: object) -> None:
        raise AssertionError("onnxruntime was called")

    monkeypatch.setattr(onnxruntime, "InferenceSession", reached)
    with pytest.raises(Failure) as refused:
        scored(model, public)
    assert refused.value.exit_code == Exit.INTEGRITY


def test_the_keys_of_the_help_text_fit(tmp_path: Path) -> None:
    """The two lines of openssl, as they stand."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on this machine")
    lines = [line.strip() for line in (sign.__doc__ or "").splitlines()]
    for line in [line for line in lines if line.startswith("openssl ")]:
        subprocess.run(line.split(), cwd=tmp_path, check=True, capture_output=True)
    model = shutil.copytree(exported() / "model", tmp_path / "model") / "model.onnx"
    sign.sign(model, tmp_path / "private.pem")
    sign.verify(model, tmp_path / "public.pem")


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_told_by_its_path(text: str, signed: tuple[Path, Path]) -> None:
    model, public = signed
    public.write_text(text)
    for act in (sign.sign, sign.verify):
        with pytest.raises(Failure, match=str(public)) as refused:
            act(model, public)
        assert refused.value.exit_code == Exit.USAGE
