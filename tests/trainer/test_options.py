"""What the trainer is told: a flag wins over the environment, and every setting is a flag."""

import pytest

from pipeline.failures import Exit, Failure
from trainer.options import read_options, settings_in

VERTEX = {
    "AIP_MODEL_DIR": "gs://bucket/model/",
    "AIP_CHECKPOINT_DIR": "gs://bucket/checkpoints/",
    "AIP_TENSORBOARD_LOG_DIR": "gs://bucket/logs/",
}


def test_the_environment_says_what_flags_do_not() -> None:
    said = read_options(["--data", "d"], VERTEX, "")
    assert (said.output, said.checkpoints, said.tensorboard) == tuple(VERTEX.values())
    flags = ["--output", "o", "--checkpoints", "c", "--tensorboard", "t"]
    said = read_options(["--data", "d", *flags], VERTEX, "")
    assert (said.output, said.checkpoints, said.tensorboard) == ("o", "c", "t")


def test_without_either_there_is_no_output(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(["--data", "d"], {"AIP_CHECKPOINT_DIR": ""}, "")
    assert ended.value.code == Exit.USAGE
    assert "AIP_MODEL_DIR" in capsys.readouterr().err


def test_settings_come_in_three_forms_in_the_order_of_their_kind() -> None:
    settings = ["--set", "training.seed=5", "--trunk.dropout", "0.1", "--batch_size=8"]
    said = read_options(["--data", "d", "--output", "o", *settings], {}, "")
    assert said.settings == ("training.seed=5", "trunk.dropout=0.1", "training.batch_size=8")


@pytest.mark.parametrize("argument", ["--speed=9", "training.epochs=3", "--training.epochs"])
def test_what_is_no_option_and_no_setting_is_refused(argument: str) -> None:
    with pytest.raises(Failure, match="must be an option, or --PLACE=VALUE") as failed:
        settings_in([argument])
    assert failed.value.exit_code == Exit.USAGE


def test_the_spec_can_be_asked_for_without_a_run() -> None:
    said = read_options(["--data", "d", "--output", "o", "--print-config"], {}, "")
    assert (
        said.print_config
        and not read_options(["--data", "d", "--output", "o"], {}, "").print_config
    )
