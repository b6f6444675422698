"""The parts of a spec that say how the weights are learned."""

from typing import Annotated, Literal

from pydantic import Field

from kinds.settings import Count, Part, Positive, Seed, Share, Whole


class Phases(Part):
    """Batch updates of a shared block of its own, while all else stands still.

    One comes after every `every` epochs, the first after epoch `start`, none after the last. What
    is not given follows from the block: `frozen` and `kfac` for a matrix, `joint` and `lbfgs` for a
    network.
    """

    every: Count
    """Epochs from one phase to the next."""
    start: Count | None = None
    """Epochs before the first one; as `every` where it is not given."""
    between: Literal["frozen", "joint"] | None = None
    """Whether the block stands still between phases or learns with the rest."""
    method: Literal["steps", "lbfgs", "kfac"] | None = None
    """How a phase goes down its objective."""
    rows: Count | Literal["all"] = 65_536
    """How many rows a phase looks at."""
    max_evals: Count = 12
    """How often a phase evaluates its objective at most."""
    accept: Literal["train", "holdout"] = "holdout"
    """Whose loss must not rise, or the phase is taken back."""
    seed: Seed = 1
    """Of the rows that are drawn."""


class Sampled(Part):
    """The start of a run with a softmax over sampled classes in the place of all: several times as
    fast. The rest is exact, and so is everything that is measured."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.95
    """The part of all steps that samples; 1 where ranks count and probabilities do not."""
    negatives: Count = 2048
    """Classes that a step draws for all its rows. Heads of at most twice as many stay exact."""


class Training(Part):
    """How the weights are learned."""

    epochs: Count = 10
    """Passes over the training rows."""
    batch_size: Count = 1024
    """Rows of one step."""
    optimizer: Literal["adam", "adagrad", "sgd"] = "adam"
    """The rule of a step."""
    learning_rate: Positive = 1e-3
    """The size of a step."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate falls to 0 over the run, if it does."""
    warmup_steps: Whole = 0
    """Steps over which the learning rate rises at the start."""
    clip_norm: Positive | None = None
    """The greatest length of the gradient of all weights; longer ones are shortened."""
    weight_decay: Positive | None = None
    """What each step takes off the weights, times the learning rate, beside the gradient (AdamW);
    biases and blocks that stand still lose nothing."""
    averaging: Share | None = None
    """Evaluate and export an exponential mean of the weights over the steps: how much of it a step
    keeps, such as 0.999."""
    balance: Literal["constant_predictor", "none", "uncertainty"] = "constant_predictor"
    """How heads are brought to one scale: by what a constant prediction loses, not at all, or by a
    learned uncertainty."""
    patience: Count | None = 2
    """Epochs without a lower held-out loss before the run ends; null for never."""
    seed: Seed = 1
    """Of the first weights, the order of the rows, the dropout and the sampled classes."""
    sampled: Sampled | None = None
    """Begin with sampled classes; `{}` for the usual numbers."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the products of a softmax head multiply in ordinary steps, and the trunk's first one
    behind a shared matrix; sums, weights and everything measured are float32. bfloat16 is for
    processors with instructions of its own."""
