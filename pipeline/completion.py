"""Completion of the commands in bash: modules after `python -m`, and their options.

    python -m pipeline.completion > completion.bash
    source completion.bash

The script knows every option by itself, so that pressing Tab starts no Python. What is neither a
module nor an option of ours is completed as a file.
"""

import argparse
from collections.abc import Sequence

from pipeline.failures import main

EVERYWHERE = "--help --log-format"
OPTIONS = {
    "pipeline.completion": "",
    "pipeline.doctor": "--output",
    "pipeline.drift": "--data --fail-on-drift --infinity-norm --input "
    "--jensen-shannon --json --max-bad-fraction",
    "pipeline.prepare": "--cache --compare --extend --fail-on-drift --force --infer "
    "--input --max-bad-fraction --output --shards --spec",
    "pipeline.run": "--force --input --keep --max-bad-fraction --output "
    "--print-config --score --spec --stages",
    "pipeline.spec_docs": "--check",
    "pipeline.vocabulary": "",
    "serving.ask": "--model --top-k",
    "serving.beam": "--heads --input --keep --model --output --shards --top-k",
    "serving.export": "--force --output --profile --run",
    "serving.neighbours": "--count --head --input --model --of",
    "serving.page": "--model --output --runtime",
    "serving.report": "--model --output --run",
    "serving.score": "--evaluate --force --format --heads --input --keep "
    "--model --output --raw-csv --top-k --unchecked --workers",
    "trainer.search": "--data --output --range --seed --set --spec --trials",
    "trainer.task": "--checkpoints --data --force --output "
    "--print-config --set --spec --tensorboard",
}

SCRIPT = """\
# bash completion for python -m COMMAND; made by python -m pipeline.completion
_shared_weights_options() {{
  case "$1" in
{cases}
  esac
}}
_shared_weights() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${{COMP_WORDS[i]}} == -m ]] || continue
    if ((i + 1 == COMP_CWORD)); then
      COMPREPLY=($(compgen -W "{modules}" -- "$word"))
    elif [[ $word == -* ]]; then
      COMPREPLY=($(compgen -W "$(_shared_weights_options "${{COMP_WORDS[i + 1]}}")" -- "$word"))
    fi
    return
  done
}}
complete -o default -F _shared_weights python python3
"""


def script() -> str:
    cases = [
        f'    {module}) echo "{options} {EVERYWHERE}" ;;' for module, options in OPTIONS.items()
    ]
    return SCRIPT.format(cases="\n".join(cases), modules=" ".join(OPTIONS))


def run(arguments: Sequence[str]) -> None:
    """The command."""
    argparse.ArgumentParser(
        prog="python -m pipeline.completion",
        description="Prints a script for bash that completes the commands and their options.",
        epilog="Example: source <(python -m pipeline.completion)",
    ).parse_args(arguments)
    print(script(), end="")


if __name__ == "__main__":
    main(run)
