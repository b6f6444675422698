"""Rows of rated films: a title and a list of genres each, from MovieLens or made up.

    python -m examples.titles.rows --output titles.parquet
    python -m examples.titles.rows --movielens ml-latest-small --output titles.parquet
    python -m examples.titles.rows --liked --films films.parquet --output liked.parquet

The last is for liked.yaml: ratings of 4 and more, and a row for each film. One row per rating:

    user, movie    "17", "1270"
    title          "Back to the Future (1985)", as it is written
    genres         ["Adventure", "Comedy", "Sci-Fi"]
    rating         4.5

The folder of MovieLens has movies.csv and ratings.csv (F. M. Harper and J. A. Konstan 2015,
doi:10.1145/2827872); nothing is downloaded. Made-up films need no folder: what a title is made of
belongs to a genre, and users like some genres better than others.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from pipeline.failures import Exit, Failure, main

COLUMNS = ("user", "movie", "title", "genres", "rating")
NO_GENRES = "(no genres listed)"
# Nouns that tell a genre, and what stands around them in any title.
NOUNS = {
    "Western": ("Sheriff", "Canyon", "Saddle", "Gold Rush", "Stagecoach"),
    "Sci-Fi": ("Robot", "Galaxy", "Machine", "Star Gate", "Android"),
    "Romance": ("Wedding", "Kiss", "Letter", "Summer Night", "Bride"),
    "Horror": ("Coffin", "Night", "Vampire", "Haunted House", "Scream"),
    "Comedy": ("Neighbour", "Uncle", "Holiday", "Traffic Jam", "Clown"),
}
FORMS = (
    *("The {0}", "A {0} in {1}", "{0}, {2} & Co.", "Return of the {0}", "{1}: The {0} Story"),
    *("The {0}'s {2}", "{0} II", "Who Stole the {0}?", "Der {0} von Köln", "{0} (a.k.a. {2})"),
)
PLACES = ("Paris", "Tucson", "Málaga", "New York", "Łódź", "Kyoto")
FILMS, USERS = 1500, 200


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.titles.rows",
        description="Rows of rated films, from MovieLens or made up.",
        epilog="Example: python -m examples.titles.rows --output titles.parquet",
    )
    parser.add_argument("--movielens", type=Path, help="a folder with movies.csv and ratings.csv")
    parser.add_argument("--rows", type=int, default=20_000, help="made-up ones (20,000)")
    parser.add_argument("--liked", action="store_true", help="only ratings of 4 and more")
    parser.add_argument("--films", type=Path, help="a .parquet file for a row for each film")
    parser.add_argument("--output", type=Path, required=True, help="a .parquet file")
    options = parser.parse_args(argv)
    if options.output.suffix != ".parquet":
        raise Failure(Exit.USAGE, "--output must be a .parquet file", received=options.output)
    if options.rows < 1:
        raise Failure(Exit.USAGE, "--rows must be 1 or more", received=options.rows)
    table = made_up(options.rows) if options.movielens is None else of_movielens(options.movielens)
    if options.films is not None:
        pq.write_table(films_of(table), options.films)
    liked = pc.greater_equal(table["rating"], 4) if options.liked else None
    pq.write_table(table if liked is None else table.filter(liked), options.output)


def films_of(table: pa.Table) -> pa.Table:
    """Each film of the ratings once."""
    at = pa.table({"movie": table["movie"], "at": np.arange(table.num_rows)})
    first = at.group_by("movie", use_threads=False).aggregate([("at", "min")])["at_min"]
    return table.select(["movie", "title", "genres"]).take(first)


def of_movielens(folder: Path) -> pa.Table:
    """The ratings with the titles and genres of their films. Raises Failure."""
    movies = _read(
        folder / "movies.csv", {"movieid": "movie", "title": "title", "genres": "genres"}
    )
    rated = {"userid": "user", "movieid": "movie", "rating": "rating"}
    ratings = _read(folder / "ratings.csv", rated)
    at = pc.index_in(ratings["movie"], movies["movie"].combine_chunks())
    if at.null_count:
        rule = "each film of ratings.csv must be in movies.csv"
        raise Failure(Exit.USAGE, rule, received=ratings["movie"].filter(at.is_null())[0].as_py())
    said = movies["genres"].take(at)
    genres = pc.split_pattern(pc.if_else(pc.equal(said, NO_GENRES), None, said), "|")
    columns = [ratings["user"], ratings["movie"], movies["title"].take(at), genres]
    return pa.table([*columns, ratings["rating"].cast(pa.float32())], names=COLUMNS)


def _read(path: Path, names: Mapping[str, str]) -> pa.Table:
    """Columns as text, by other names: `names` has these by what they are in small letters."""
    if not path.is_file():
        rule = "--movielens must be a folder with movies.csv and ratings.csv"
        raise Failure(Exit.USAGE, rule, received=path)
    with path.open(encoding="utf-8") as file:
        header = file.readline().strip().split(",")
    found = {name.lower(): name for name in header}
    if missing := sorted(set(names) - set(found)):
        raise Failure(Exit.USAGE, f"{path.name} must have the columns {missing}", received=header)
    types = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()),
        include_columns=[found[name] for name in names],
    )
    return pyarrow.csv.read_csv(path, convert_options=types).rename_columns([*names.values()])


def made_up(rows: int, seed: int = 1) -> pa.Table:
    """Ratings of made-up films, by how each user likes the first genre of a film. Some genres are
    liked more by all."""
    random = np.random.default_rng(seed)
    genres = list(NOUNS)
    pairs = random.integers(0, len(genres), (FILMS, 2))
    titles = [_title(genres[first], genres[other], random) for first, other in pairs]
    lists = [list(dict.fromkeys(genres[at] for at in pair)) for pair in pairs]
    users, films = random.integers(0, USERS, rows), random.integers(0, FILMS, rows)
    taste = np.linspace(-1, 1, len(genres)) + random.normal(0, 0.5, (USERS, len(genres)))
    liked = 3 + taste[users, pairs[films, 0]] + random.normal(0, 0.3, rows)
    columns = [
        pa.array(users).cast(pa.string()),
        pa.array(films).cast(pa.string()),
        pa.array(titles).take(pa.array(films)),
        pa.array(lists).take(pa.array(films)),
        pa.array(np.clip(np.round(2 * liked) / 2, 0.5, 5), pa.float32()),
    ]
    return pa.table(columns, names=COLUMNS)


def _title(first: str, other: str, random: np.random.Generator) -> str:
    form, place = random.choice(FORMS), random.choice(PLACES)
    nouns = [random.choice(NOUNS[genre]) for genre in (first, other)]
    return f"{form.format(nouns[0], place, nouns[1])} ({random.integers(1950, 2020)})"


if __name__ == "__main__":
    main(run)
