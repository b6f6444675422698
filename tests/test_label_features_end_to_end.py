"""Labels with features from a file of their own, through all stages: new labels are predicted."""

from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, words

from pipeline import prepare
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving.scorer import Scorer
from trainer import task

GENRES, FILMS = 4, 10
SPEC = """
name: films
vocabularies: {taste: {}, film: {size: 100}}
label_features:
  film:
    file: FILE
    columns:
      genres: {read: list, separator: "|"}
      words: {column: title, read: words, min_count: 3}
      maker: {}
inputs:
  taste: {kind: category, vocabulary: taste, embedding: 8}
heads:
  film: {kind: classification, vocabulary: film, label_vectors: both, top_k: 12}
split: {by: column, column: side, eval: [eval]}
training: {epochs: 12, batch_size: 64, learning_rate: 0.03, patience: null}
"""


def titles() -> list[str]:
    """Films by their genre and number. No row has the last one of each genre."""
    return [f"{genre}-{number}" for genre in range(GENRES) for number in range(FILMS)]


def labels() -> pa.Table:
    films = titles()
    genre = [film.partition("-")[0] for film in films]
    return pa.table(
        {
            "film": films,
            "genres": [f"g{one}|any" for one in genre],
            "title": [f"The {film}: G{one}!" for film, one in zip(films, genre, strict=True)],
            "maker": [f"only {film}" if film < "1" else None for film in films],
        }
    )


def rows(count: int = 1200) -> pa.Table:
    """Who likes a genre sees its films, each as often as another; one film is in no file."""
    draw = np.random.default_rng(5)
    taste, number = draw.integers(0, GENRES, count), draw.integers(0, FILMS - 1, count)
    film = [f"{one}-{other}" for one, other in zip(taste, number, strict=True)]
    film[::100] = ["unlisted"] * len(film[::100])
    side = np.where(draw.random(count) < 0.2, "eval", "train")
    return pa.table({"taste": [f"t{one}" for one in taste], "film": film, "side": side})


def spec_of(folder: Path) -> Spec:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "labels.csv"
    pyarrow.csv.write_csv(labels(), path)
    return parse_spec(SPEC.replace("FILE", str(path)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    return through_all_stages(spec_of(folder), rows(), folder / "out")


def test_the_labels_of_the_file_have_ids_in_its_order_before_others(made: Path) -> None:
    assert list(DataFolder(made / "data").vocabulary("film")) == [*titles(), "unlisted"]


def test_values_are_those_that_enough_learned_labels_have(made: Path) -> None:
    found = DataFolder(made / "data").label_features("film")
    learned = [not film.endswith(f"-{FILMS - 1}") for film in titles()]
    assert found.learned.tolist() == [*learned, True]
    genres = {("genres", f"g{one}") for one in range(GENRES)} | {("genres", "any")}
    # Each number is in the titles of one film a genre, and "only ..." in one film.
    numbers = {("words", str(number)) for number in range(FILMS - 1)}
    names = {("words", f"g{one}") for one in range(GENRES)} | {("words", "the")}
    assert set(found.names) == genres | names | numbers
    of_first = slice(*found.starts[:2])
    own = dict(zip(found.values[of_first], found.weights[of_first], strict=True))
    by_name = {found.names[value]: weight for value, weight in own.items()}
    assert by_name["genres", "g0"] == by_name["genres", "any"] == 0.5
    assert by_name["words", "g0"] == pytest.approx(1 / 3)
    assert found.starts[-1] == found.starts[-2]  # the unlisted film


def test_a_label_of_no_training_row_is_predicted_by_its_features(made: Path) -> None:
    scorer = Scorer(made / "model" / "model.onnx")
    found = scorer.score(pa.table({"taste": [f"t{one}" for one in range(GENRES)]}))
    for genre, best in enumerate(found["film.labels"].to_pylist()):
        assert f"{genre}-{FILMS - 1}" in best[: FILMS + 1]
        assert {one.partition("-")[0] for one in best[: FILMS - 1]} == {str(genre)}


def test_the_file_has_one_vector_a_label_and_is_what_keras_gives(made: Path) -> None:
    graph = onnx.load(made / "model" / "model.onnx").graph
    outputs = len(titles()) + 2
    assert sum(outputs in one.dims for one in graph.initializer if len(one.dims) == 2) == 1
    certificate = read_json(made / "model" / "certificate.json")
    # What differs by more is not exported.
    assert certificate["rows"] > rows().num_rows
    assert certificate["tolerance"] <= 1e-5


def test_a_run_goes_on_from_an_earlier_one_with_the_scores_that_it_had(
    made: Path, tmp_path: Path
) -> None:
    again = words("--data", made / "data", "--warm-start", made / "run")
    slow = words("--set", "training.epochs=1", "--set", "training.learning_rate=1e-9")
    task.run([*again, *slow, *words("--output", tmp_path / "run")])
    before, after = (
        read_json(folder / "run" / "metrics.json")["eval"]["film"] for folder in (made, tmp_path)
    )
    assert after["log_loss"] == pytest.approx(before["log_loss"], rel=1e-3)


def test_sampled_classes_and_bfloat16_learn_the_same(made: Path, tmp_path: Path) -> None:
    settings = ["training.sampled={negatives: 8}", "training.precision=bfloat16"]
    settings += ["heads.film.label_vectors=features"]
    given = [part for one in settings for part in ("--set", one)]
    task.run(words("--data", made / "data", "--output", tmp_path / "run", *given))
    found = read_json(tmp_path / "run" / "metrics.json")["eval"]["film"]
    exact = read_json(made / "run" / "metrics.json")["eval"]["film"]
    assert found["accuracy@10"] > exact["accuracy@10"] - 0.05


@pytest.mark.parametrize(
    ("table", "code", "said"),
    [
        (labels().slice(0, 0), Exit.BAD_ROWS, "must have a row"),
        (pa.concat_tables([labels(), labels().slice(3, 1)]), Exit.USAGE, "each label once"),
        (labels().drop_columns(["title"]), Exit.USAGE, "missing: ['title']"),
        (
            labels().set_column(0, "film", pa.array([None, *titles()[1:]])),
            Exit.BAD_ROWS,
            "row 1: missing",
        ),
    ],
)
def test_a_bad_file_of_labels_is_refused(
    tmp_path: Path, table: pa.Table, code: Exit, said: str
) -> None:
    spec = spec_of(tmp_path)
    pq.write_table(table, tmp_path / "labels.parquet")
    text = spec.to_json().replace("labels.csv", "labels.parquet")
    (tmp_path / "spec.json").write_text(text)
    pq.write_table(rows(50), tmp_path / "rows.parquet")
    given = words("--input", tmp_path / "rows.parquet", "--output", tmp_path / "data")
    with pytest.raises(Failure) as failure:
        prepare.run([*words("--spec", tmp_path / "spec.json"), *given])
    assert failure.value.exit_code == code
    assert said in str(failure.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("label_vectors: both", "label_vectors: both, tied: taste", "leave out `tied`|over the"),
        ("label_features:\n  film:", "label_features:\n  taste:", r"needs label_features\.film"),
        ("film: {size: 100}", "film: {values: [a]}", "leave out `values`"),
        ("maker: {}", 'maker: {separator: "|"}', "goes with `read: list` only"),
    ],
)
def test_what_does_not_go_together_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(Failure, match=said):
        parse_spec(SPEC.replace(old, new))
