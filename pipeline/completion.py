"""Completion of the commands in bash.

    python -m pipeline.completion > completion.bash
    source completion.bash

The script completes the words of `shared-weights`, the modules after `python -m`, and the options
of each. Every command is asked for its help once, when the script is made; after that pressing Tab
starts no Python. Anything else is completed as a file name.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.command import WORDS
from pipeline.console.log_format import EVERYWHERE
from pipeline.failures import main

PACKAGES = ("pipeline", "trainer", "serving")
# Commands of one package load their libraries once, together; the packages must stay apart.
ASK = """
import contextlib, importlib, io, json, sys
found = {}
for name in sys.argv[1:]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        importlib.import_module(name).run(["--help"])
    found[name] = text.getvalue()
print("\\n" + json.dumps(found))
"""
SCRIPT = """\
# bash completion for shared-weights and python -m; made by python -m pipeline.completion
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
_shared_weights_word() {{
  local word=${{COMP_WORDS[COMP_CWORD]}}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "{words}" -- "$word"))
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$(_shared_weights_options "${{COMP_WORDS[1]}}")" -- "$word"))
  fi
}}
complete -o default -F _shared_weights python python3
complete -o default -F _shared_weights_word shared-weights
"""


def commands(package: str) -> list[str]:
    """The modules of a package that can be run."""
    root = Path(__file__).parents[1]
    files = (root / package).rglob("*.py")
    runs = [path for path in files if '__name__ == "__main__"' in path.read_text("utf-8")]
    return sorted(".".join(path.relative_to(root).with_suffix("").parts) for path in runs)


def helps(package: str) -> dict[str, str]:
    """The help of each command of a package."""
    return asked(commands(package))


def asked(modules: Sequence[str]) -> dict[str, str]:
    """The help of each of these commands of one package, asked for in a process of its own."""
    line = [sys.executable, "-W", "ignore", "-c", ASK, *modules]
    width = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=width)
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def options(text: str) -> list[str]:
    """
    >>> options("options:\\n  -h, --help  show this\\n  --top-k TOP_K  labels per head")
    ['--help', '--top-k']
    """
    return re.findall(r"^  (?:-\w, )?(--[a-z][a-z0-9-]*)", text, re.MULTILINE)


def script(known: Mapping[str, Sequence[str]]) -> str:
    """{module: its options} to the script."""
    shared = options(f"  {EVERYWHERE}")
    words = {word: known[module] for word, module in WORDS.items() if module in known}
    named = [*known.items(), *words.items()]
    cases = [f'    {name}) echo "{" ".join([*own, *shared])}" ;;' for name, own in named]
    return SCRIPT.format(cases="\n".join(cases), modules=" ".join(known), words=" ".join(words))


def run(arguments: Sequence[str]) -> None:
    """The command."""
    argparse.ArgumentParser(
        prog="python -m pipeline.completion",
        description="Prints a script for bash that completes the commands and their options.",
        epilog="Example: python -m pipeline.completion > completion.bash",
    ).parse_args(arguments)
    texts = {name: text for package in PACKAGES for name, text in helps(package).items()}
    print(script({name: options(text) for name, text in texts.items()}), end="")


if __name__ == "__main__":
    main(run)
