"""Signs a model folder: `python -m serving.sign --model OUT/model/model.onnx --key private.pem`.

The signature covers every file of the folder and lies in it as `model.onnx.sig`, a bundle of
OpenSSF Model Signing (https://model-signing.io), which other tools verify too. A key is one of
elliptic curves, P-256 to P-521, as openssl writes it:

    openssl ecparam -name prime256v1 -genkey -noout -out private.pem
    openssl ec -in private.pem -pubout -out public.pem

`python -m serving.score --require-signature public.pem` then scores with nothing else than what
the holder of the private key has signed. Needs the extra `sign`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pipeline.failures import Exit, Failure, main


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    print(f"signed: {sign(options.model, options.key)}")


def sign(model: Path, private_key: Path) -> Path:
    """Signs the folder of a model; gives the signature's path.

    Raises Failure: 2 where the key or the model cannot be read, 6 without the extra.
    """
    signing, signature = _library("signing"), signature_of(model)
    if not model.is_file():
        raise Failure(Exit.USAGE, "the model must be a file that exists", received=model)
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=private_key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _not_a_key(private_key, error) from None
    config.set_hashing_config(_hashing(signature)).sign(model.parent, signature)
    return signature


def verify(model: Path, public_key: Path) -> None:
    """Raises Failure: 5 where the folder of a model is not as the key's holder signed it, 2 where
    the key cannot be read, 6 without the extra."""
    verifying, signature = _library("verifying"), signature_of(model)
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _not_a_key(public_key, error) from None
    if not signature.is_file():
        raise Failure(Exit.INTEGRITY, "the model must be signed", received=f"no {signature}")
    try:
        config.set_hashing_config(_hashing(signature)).verify(model.parent, signature)
    except Exception as error:  # A signature may be any bytes: each library on the way has its own.
        said = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
        rule = f"{model.parent} is not what the holder of {public_key} signed"
        raise Failure(Exit.INTEGRITY, rule, received=said) from None


def signature_of(model: Path) -> Path:
    """Where the signature of a model lies."""
    return model.with_name(f"{model.name}.sig")


def _hashing(signature: Path) -> object:
    """Every file of the folder by its SHA-256, whatever git thinks of it, but the signature."""
    config = _library("hashing").Config().use_file_serialization()
    return config.set_ignored_paths(paths=[signature.name], ignore_git_paths=False)


def _library(part: str) -> ModuleType:
    try:
        import model_signing
    except ImportError as error:
        rule = "signatures need a further extra: pip install 'shared-weights[sign]'"
        raise Failure(Exit.ENVIRONMENT, rule, received=error) from None
    found: ModuleType = getattr(model_signing, part)
    return found


def _not_a_key(path: Path, error: Exception) -> Failure:
    rule = f"{path} must be a PEM file with a key of an elliptic curve, without a password"
    return Failure(Exit.USAGE, rule, received=" ".join(str(error).split())[:200])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.sign", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", type=Path, required=True, help="model.onnx in its folder")
    parser.add_argument("--key", type=Path, required=True, help="the private key, a PEM file")
    return parser


if __name__ == "__main__":
    main(run)
