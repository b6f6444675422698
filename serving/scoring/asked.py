"""Columns beside the results that options of a command ask for (serving.further)."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.failures import Exit, Failure
from serving.explanation.explainer import SAMPLES, Explainer, How
from serving.familiarity.familiar import Familiar
from serving.further import Further
from serving.scorer import Scorer

_WORDS = ("shapley", "elements")


@dataclass(frozen=True)
class Asked:
    """What a command line asks for beside the results; it can be pickled."""

    explain: How | None = None
    known: bool = False

    def made(self, scorer: Scorer, heads: Sequence[str] | None) -> list[Further]:
        """Raises Failure 2 for what the model does not have."""
        found: list[Further] = [Familiar(scorer, heads)] if self.known else []
        return found + ([] if self.explain is None else [Explainer(scorer, self.explain, heads)])


NOTHING = Asked()


def add_further(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The options that `asked` reads, in a group of their own."""
    group = parser.add_argument_group("why, and what is known of a row")
    said = "the N inputs that matter most; words after N: shapley, elements"
    group.add_argument("--explain", action="extend", nargs="+", metavar="N", help=said)
    said = f"orders of the inputs for shapley (default: {SAMPLES})"
    group.add_argument("--samples", type=int, metavar="N", help=said)
    said = "explain this answer of a head, not its first one"
    group.add_argument(
        "--answer", action="extend", nargs="+", metavar="H=LABEL", default=[], help=said
    )
    said = "how many of its values are known, and how unusual they are"
    group.add_argument("--known", action="store_true", help=said)
    return group


def asked(options: argparse.Namespace) -> Asked:
    """Raises Failure 2 for options that do not go together."""
    # Only files are set aside.
    aside = getattr(options, "flag_unknown", None)
    if aside is not None and not aside >= 0:
        raise Failure(Exit.USAGE, "--flag-unknown must be a number from 0 on", received=aside)
    return Asked(_how(options), options.known or aside is not None)


def _how(options: argparse.Namespace) -> How | None:
    if options.explain is None:
        if options.samples is not None or options.answer:
            raise Failure(Exit.USAGE, "--samples and --answer need --explain")
        return None
    counts = [word for word in options.explain if word not in _WORDS]
    if len(counts) > 1 or not all(
        word.isascii() and word.isdigit() and int(word) for word in counts
    ):
        rule = f"--explain takes a number of inputs, from 1 on, and the words {', '.join(_WORDS)}"
        raise Failure(Exit.USAGE, rule, received=" ".join(options.explain))
    is_shapley = "shapley" in options.explain
    if options.samples is not None and (not is_shapley or options.samples < 2):
        rule = "--samples must be 2 or more, and goes with --explain shapley"
        raise Failure(Exit.USAGE, rule, received=options.samples)
    return How(
        int(counts[0]) if counts else None,
        is_shapley,
        options.samples or SAMPLES,
        "elements" in options.explain,
        dict(_answer(text) for text in options.answer),
    )


def _answer(text: str) -> tuple[str, str]:
    head, sign, label = text.partition("=")
    if not sign:
        raise Failure(Exit.USAGE, "--answer takes HEAD=LABEL", received=text)
    return head, label
