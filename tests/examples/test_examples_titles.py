"""Films by their titles: rows from MovieLens' columns or made up, through all stages."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, trained_for, words

from examples.titles import rows
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.spec.file import parse_spec, read_spec
from serving.scorer import Scorer

SPEC = Path(rows.__file__).with_name("spec.yaml")
MOVIES = """movieId,title,genres
1,Toy Story (1995),Adventure|Comedy
2,"American President, The (1995)",Drama
3,"City of Lost Children, The (Cité des enfants perdus, La) (1995)",(no genres listed)
"""
RATINGS = (
    "userId,movieId,rating,timestamp\n7,2,4.0,964982703\n7,1,3.5,964981247\n9,3,5.0,964982224\n"
)


@pytest.fixture
def movielens(tmp_path: Path) -> Path:
    (tmp_path / "movies.csv").write_text(MOVIES, encoding="utf-8")
    (tmp_path / "ratings.csv").write_text(RATINGS, encoding="utf-8")
    return tmp_path


def test_a_rating_has_the_title_and_the_genres_of_its_film(movielens: Path) -> None:
    output = movielens / "rows.parquet"
    rows.run(words("--movielens", movielens, "--output", output))
    title = "City of Lost Children, The (Cité des enfants perdus, La) (1995)"
    expected = [
        ("7", "2", "American President, The (1995)", ["Drama"], 4.0),
        ("7", "1", "Toy Story (1995)", ["Adventure", "Comedy"], 3.5),
        ("9", "3", title, None, 5.0),
    ]
    assert [tuple(row.values()) for row in pq.read_table(output).to_pylist()] == expected


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("movies.csv", "movieId,title\n1,Toy Story\n", "genres"),
        ("ratings.csv", f"{RATINGS}9,4,5.0,1\n", "must be in movies.csv"),
    ],
)
def test_what_is_not_movielens_is_one_clear_message(
    movielens: Path, name: str, text: str, said: str
) -> None:
    (movielens / name).write_text(text, encoding="utf-8")
    with pytest.raises(Failure, match=said) as found:
        rows.run(words("--movielens", movielens, "--output", movielens / "rows.parquet"))
    assert found.value.exit_code == Exit.USAGE


def test_no_folder_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"a folder with movies\.csv and ratings\.csv"):
        rows.run(words("--movielens", tmp_path / "x", "--output", tmp_path / "rows.parquet"))


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = rows.made_up(8000)
    # Fewer rows than the spec is for: larger steps.
    spec = trained_for(read_spec(SPEC), learning_rate=0.005)
    return through_all_stages(spec, table, tmp_path_factory.mktemp("titles") / "out")


def test_films_are_rated_by_their_titles_better_than_by_one_input_alone(output: Path) -> None:
    metrics = read_json(output / "run" / "metrics.json")
    reached = metrics["test"]["rating"]["root_mean_squared_error"]
    baselines = metrics["baselines"]["rating"]
    for simple in ("constant", "strongest_input"):
        assert reached < 0.9 * baselines[simple]["test"]["root_mean_squared_error"], simple


def test_every_row_is_scored_and_a_title_that_differs_in_case_and_marks_only_is_the_same(
    output: Path,
) -> None:
    table, scores = (pq.read_table(output / f"{name}.parquet") for name in ("rows", "scores"))
    assert scores.select(["user", "movie"]).equals(table.select(["user", "movie"]))
    row = {"user": "1", "movie": "1", "genres": ["Western"]}
    titles = ["The Gold Rush's Robot (1970)", "the gold-rush S\tROBOT!\n1970", "The Robot"]
    found = Scorer(output / "model" / "model.onnx").score([{**row, "title": t} for t in titles])
    first, same, other = found["rating.value"].to_pylist()
    assert first == pytest.approx(same, abs=1e-6)
    assert abs(first - other) > 1e-3
    assert np.isfinite(scores["rating.value"].to_numpy()).all()


def test_films_that_nobody_has_rated_are_found_by_their_titles_and_genres(tmp_path: Path) -> None:
    films = tmp_path / "films.parquet"
    made = words("--rows", "40000", "--liked", "--films", films)
    rows.run([*made, *words("--output", tmp_path / "liked.parquet")])
    table = pq.read_table(tmp_path / "liked.parquet")
    assert min(table["rating"].to_pylist()) == 4
    text = SPEC.with_name("liked.yaml").read_text().replace("films.parquet", str(films))
    output = through_all_stages(trained_for(parse_spec(text)), table, tmp_path / "out")
    found = read_json(output / "run" / "metrics.json")["eval"]["movie"]
    # The chance of any ten films to have the right one among them.
    assert found["accuracy@10"] > 1.5 * 10 / pq.read_table(films).num_rows
    counts = DataFolder(output / "data").label_counts("movie")
    assert list(counts.values()).count(0) > 0.15 * len(counts)
