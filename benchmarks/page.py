"""The page docs/benchmarks.md: what each benchmark measures, its command, and its last figures.

    python -m benchmarks.page

The title and the command come from the benchmark's docstring, the figures from
benchmarks/results. A test compares the page with both.
"""

import argparse
import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.failures import main

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
BENCHMARKS = (
    "prepare",
    "prepare_cache",
    "large_vocabulary",
    "kinds",
    "train",
    "train_scaling",
    "train_gpu",
    "phases",
    "phases_cost",
    "score",
    "score_options",
    "question",
    "codex",
    "memory",
    "memory_rows",
    "tables",
    "recommend",
    "updates",
    "fold_in",
    "soak",
)
INTRODUCTION = """# Benchmarks

Made by `python -m benchmarks.page` from the benchmarks' docstrings and from
[benchmarks/results](../benchmarks/results), where each leaves its figures. Unless a table says
otherwise, they were measured on two cores of a shared AMD EPYC without a GPU, busy with other work:
trust the ratios between contestants that took turns more than the seconds. What the figures mean is
said on the page of the subject: [preparing](preparing.md), [training](training.md),
[phases](phases.md), [scoring](scoring.md), [the question](the-question.md),
[reliability](reliability.md).
"""
NO_FIGURES = "It keeps no figures in a file."


def run(arguments: Sequence[str]) -> None:
    """The command."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.page",
        description="Writes docs/benchmarks.md.",
        epilog="Example: python -m benchmarks.page",
    ).parse_args(arguments)
    PAGE.write_text(page(HERE / "results"), encoding="utf-8")


def page(results: Path) -> str:
    """The whole page. A file of results belongs to the benchmark that it names."""
    found = [(path.name, json.loads(path.read_text("utf-8"))) for path in results.glob("*.json")]
    parts = [INTRODUCTION]
    for name in BENCHMARKS:
        parts.append(asked(ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text())) or ""))
        own = sorted((file, said) for file, said in found if benchmark_of(file, said) == name)
        parts += [figures(file, said) for file, said in own] or [NO_FIGURES + "\n"]
    return "\n".join(parts)


def benchmark_of(file: str, said: Mapping[str, Any]) -> str:
    """
    >>> benchmark_of("score.json", {"rows": 9}), benchmark_of("two.json", {"benchmark": "train"})
    ('score', 'train')
    """
    return str(said.get("benchmark", file.removesuffix(".json")))


def asked(docstring: str) -> str:
    """The question of a benchmark as a heading, and its command."""
    question = " ".join(docstring.split("\n\n")[0].split())
    title = re.sub(r": `python -m .*`", "", question).rstrip(".")
    (command,) = re.findall(r"python -m benchmarks\.\w+(?:[^`\n]|\n {6,})*", docstring)[:1]
    return f"## {title}\n\n```\n{' '.join(command.split())}\n```\n"


def figures(file: str, said: Mapping[str, Any]) -> str:
    """The figures of a file as tables."""
    own = {key: value for key, value in said.items() if key != "benchmark"}
    return f"From [{file}](../benchmarks/results/{file}):\n\n" + "\n".join(tables("", own))


def tables(title: str, said: Mapping[str, Any]) -> Iterator[str]:
    """Plain figures line by line, cases that have figures of their own as a row each, and what
    goes deeper as tables under its name."""
    plain = {key: value for key, value in said.items() if not isinstance(value, Mapping)}
    cases = {key: value for key, value in said.items() if is_plain(value)}
    deeper = {key: v for key, v in said.items() if isinstance(v, Mapping) and key not in cases}
    heading = f"{title}:\n\n" if title else ""
    if plain:
        rows = [[words(key), shown(value)] for key, value in plain.items()]
        yield heading + table(["", ""], rows)
    if cases:
        columns = list(dict.fromkeys(key for value in cases.values() for key in value))
        rows = [
            [words(key), *(shown(value.get(column, "")) for column in columns)]
            for key, value in cases.items()
        ]
        yield heading + table(["", *map(words, columns)], rows)
    for key, value in deeper.items():
        yield from tables(f"{title}, {words(key)}" if title else words(key), value)


def is_plain(value: object) -> bool:
    """Whether it is a mapping without further mappings."""
    return isinstance(value, Mapping) and not any(isinstance(v, Mapping) for v in value.values())


def words(key: str) -> str:
    """
    >>> words("rows_per_s")
    'rows per s'
    """
    return key.replace("_", " ").replace("|", "\\|")


def shown(value: object) -> str:
    """
    >>> shown(24680), shown(0.30512), shown([1.5, 2]), shown(True)
    ('24,680', '0.3051', '1.5, 2', 'yes')
    """
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.4g}"
        case list():
            return ", ".join(map(shown, value))
    return str(value).replace("|", "\\|")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main(run)
