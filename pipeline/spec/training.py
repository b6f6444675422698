"""The parts of a spec about training: phases, sampled classes, everything else."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from kinds.settings import Count, Part, Positive, Seed, Share, Whole


class Phases(Part):
    """Batch updates of a shared block alone, while everything else stands still.

    There is one after every `every` epochs, the first after epoch `start`, none after the last
    epoch. The defaults of `between` and `method` follow from the block: `frozen` and `kfac` for a
    matrix, `joint` and `lbfgs` for a network.
    """

    every: Count
    """Epochs from one phase to the next."""
    start: Count | None = None
    """Epochs before the first one; by default as many as `every`."""
    between: Literal["frozen", "joint"] | None = None
    """Whether the block stands still between phases or learns with the rest."""
    method: Literal["steps", "lbfgs", "kfac"] | None = None
    """How a phase minimises its objective."""
    rows: Count | Literal["all"] = 65_536
    """How many rows a phase looks at."""
    max_evals: Count = 12
    """How often a phase may evaluate its objective."""
    accept: Literal["train", "holdout"] = "holdout"
    """The rows whose loss must not rise; if it does, the phase is undone."""
    seed: Seed = 1
    """The seed for drawing the rows."""


class Sampled(Part):
    """A softmax over sampled classes instead of all of them for the first part of a run, which is
    several times as fast. The rest of the run is exact, and so is everything that is measured."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.95
    """The share of all steps that sample; 1 if only ranks matter, not probabilities."""
    negatives: Count = 2048
    """Classes that a step draws for all its rows. Heads with at most twice as many stay exact."""


class Training(Part):
    """How the weights are learned.

    With `training: auto`, which is short for `{auto: true}` and holds where a spec has no
    `training`, everything that is not set is chosen for the rows.
    """

    auto: bool = False
    """Choose what is not set from the number of rows, labels and ids, and by trials: epochs, steps,
    batch size, rate, its schedule and warm-up, decay, patience, `sampled`, `precision`, the layers
    and the dropout of `trunk`, and the `embedding` of inputs over a vocabulary. The run's folder
    has the spec with all that was chosen."""
    minutes: Positive | None = None
    """How long training may take with `auto`; 5 by default."""
    epochs: Count = 10
    """Passes over the training rows."""
    steps: Count | None = None
    """The steps of the whole run, if that is fewer than the epochs have."""
    batch_size: Count = 1024
    """Rows in one step."""
    optimizer: Literal["adam", "adagrad", "sgd"] = "adam"
    """The optimizer."""
    learning_rate: Positive = 1e-3
    """The size of a step."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate falls over the run: not at all, or to 0."""
    warmup_steps: Whole = 0
    """Steps over which the learning rate rises at the start."""
    clip_norm: Positive | None = None
    """The maximum norm of the gradient of all weights; a longer gradient is scaled down."""
    weight_decay: Positive | None = None
    """Decoupled weight decay (AdamW): each step takes this share of the weights off, times the
    learning rate. Biases and blocks that stand still do not decay."""
    averaging: Share | None = None
    """Evaluate and export an exponential moving average of the weights; this is how much of it a
    step keeps, such as 0.999."""
    balance: Literal["constant_predictor", "none", "uncertainty"] = "constant_predictor"
    """How the losses of the heads are brought to one scale: by the loss of a constant prediction,
    not at all, or by a learned uncertainty."""
    patience: Count | None = 2
    """After how many epochs without a lower held-out loss the run ends; null for never."""
    keep: Literal["best", "last"] = "best"
    """The weights that a run ends with: those of the epoch that is best on the held-out rows, or
    the `last` ones; then all epochs are done, whatever `patience` says."""
    seed: Seed = 1
    """The seed for the first weights, the order of the rows, dropout and the sampled classes."""
    sampled: Sampled | None = None
    """Begin with sampled classes; `{}` takes the defaults."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """The type in which training multiplies the matrices of a softmax head, and the trunk's first
    one behind a shared matrix; sums, weights and everything that is measured are float32. bfloat16
    pays on processors with instructions for it."""

    coverage_by: str | None = None
    """An input with one value a row over a vocabulary: answers with a stated coverage then have it
    for each frequent value of this input, and not only over all rows."""

    @model_validator(mode="after")
    def _minutes_go_with_auto(self) -> Self:
        if self.minutes is not None and not self.auto:
            raise ValueError("`minutes` goes with `auto: true` only")
        return self


AUTO = Training(auto=True)


def training_from_word(value: Any) -> Any:
    return {"auto": True} if value == "auto" else value


TrainingOrAuto = Annotated[
    Training,
    BeforeValidator(training_from_word, json_schema_input_type=Training | Literal["auto"]),
]
