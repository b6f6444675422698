"""Other people's models in the benchmark of tables; a process each, in a Python that has them.

PYTHON benchmarks/tables_rivals.py NAME --table FILE --target COLUMN --kind KIND --split COLUMN
    [--names COLUMN ...] [--seed N]

Each reads the rows as pandas does and takes its package's documented defaults; the only choice is
when to stop, by the eval side where the package can. They are told which columns are numbers that
are names, which ours finds out by itself. The last line is a JSON object of the metrics on the test
side. Nothing of this project is imported: it need not be installed there.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

K = 10
SIDES = ("train", "eval", "test")


def read(options: argparse.Namespace) -> dict[str, pd.DataFrame]:
    path = Path(options.table)
    whole = pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_csv(path)
    whole = whole[whole[options.target].notna()]
    for column in options.names:
        whole[column] = whole[column].map(str, na_action="ignore").astype(object)
    return {side: whole[whole[options.split] == side].drop(columns=options.split) for side in SIDES}


def as_categories(sides: dict[str, pd.DataFrame], target: str) -> dict[str, pd.DataFrame]:
    """Texts as the category type of gradient boosting; a value not in training is missing."""
    made = {side: rows.drop(columns=target).copy() for side, rows in sides.items()}
    for column in made["train"].columns:
        if not pd.api.types.is_numeric_dtype(made["train"][column]):
            values = pd.Index(made["train"][column].dropna().astype(str).unique())
            for rows in made.values():
                rows[column] = pd.Categorical(
                    rows[column].astype(str).where(rows[column].notna()), categories=values
                )
    return made


def numbers(rows: pd.DataFrame, target: str) -> np.ndarray:
    return rows[target].astype(float).to_numpy()


def yes(rows: pd.DataFrame, target: str) -> np.ndarray:
    return np.isin(rows[target].astype(str).str.lower(), ["1", "1.0", "true", "yes"]).astype(int)


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def auc(y: np.ndarray, p: np.ndarray) -> float:
    ranks = pd.Series(p).rank().to_numpy()
    ones = y.sum()
    return float((ranks[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def of_binary(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    return {"log_loss": log_loss(y, p), "auc": auc(y, p)}


def of_numbers(y: np.ndarray, guess: np.ndarray) -> dict[str, float]:
    away = y - guess
    return {
        "root_mean_squared_error": math.sqrt(np.mean(away**2)),
        "mean_absolute_error": float(np.mean(abs(away))),
    }


def of_classes(y: np.ndarray, p: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """y are the texts of the labels; one that no row of training has is wrong, and costs as much
    as the least that is counted."""
    at = pd.Index(classes).get_indexer(y)
    own = np.where(at >= 0, p[np.arange(len(y)), np.maximum(at, 0)], 0.0)
    better = (p > own[:, None]).sum(axis=1)
    known = at >= 0
    return {
        "log_loss": float(-np.log(np.maximum(own, 1e-15)).mean()),
        "accuracy@1": float((known & (better < 1)).mean()),
        "accuracy@10": float((known & (better < K)).mean()),
    }


def lightgbm(sides: dict[str, pd.DataFrame], options: argparse.Namespace) -> dict[str, float]:
    import lightgbm as lgb

    x = as_categories(sides, options.target)
    stop = [lgb.early_stopping(50, verbose=False)]
    shared: dict[str, Any] = {"n_estimators": 2000, "random_state": options.seed, "verbose": -1}
    if options.kind == "number":
        y = {side: numbers(rows, options.target) for side, rows in sides.items()}
        model: Any = lgb.LGBMRegressor(**shared)
    elif options.kind == "binary":
        y = {side: yes(rows, options.target) for side, rows in sides.items()}
        model = lgb.LGBMClassifier(**shared)
    else:
        y = {side: rows[options.target].astype(str).to_numpy() for side, rows in sides.items()}
        model = lgb.LGBMClassifier(**shared)
        known = np.isin(y["eval"], np.unique(y["train"]))
        x["eval"], y["eval"] = x["eval"][known], y["eval"][known]
    model.fit(x["train"], y["train"], eval_set=[(x["eval"], y["eval"])], callbacks=stop)
    return measured(model, x["test"], y["test"], options.kind)


def catboost(sides: dict[str, pd.DataFrame], options: argparse.Namespace) -> dict[str, float]:
    import catboost as cb

    x = {side: rows.drop(columns=options.target) for side, rows in sides.items()}
    texts = [c for c in x["train"] if not pd.api.types.is_numeric_dtype(x["train"][c])]
    for rows in x.values():
        rows[texts] = rows[texts].astype(str)
    shared: dict[str, Any] = {
        "random_seed": options.seed,
        "cat_features": texts,
        "verbose": False,
        "allow_writing_files": False,
    }
    if options.kind == "number":
        y = {side: numbers(rows, options.target) for side, rows in sides.items()}
        model: Any = cb.CatBoostRegressor(**shared)
    elif options.kind == "binary":
        y = {side: yes(rows, options.target) for side, rows in sides.items()}
        model = cb.CatBoostClassifier(**shared)
    else:
        y = {side: rows[options.target].astype(str).to_numpy() for side, rows in sides.items()}
        model = cb.CatBoostClassifier(loss_function="MultiClass", **shared)
        known = np.isin(y["eval"], np.unique(y["train"]))
        x["eval"], y["eval"] = x["eval"][known], y["eval"][known]
    model.fit(x["train"], y["train"], eval_set=(x["eval"], y["eval"]), early_stopping_rounds=50)
    return measured(model, x["test"], y["test"], options.kind)


def logistic(sides: dict[str, pd.DataFrame], options: argparse.Namespace) -> dict[str, float]:
    """One-hot texts and standardised numbers; ridge regression where the target is a number."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    x = {side: rows.drop(columns=options.target) for side, rows in sides.items()}
    texts = [c for c in x["train"] if not pd.api.types.is_numeric_dtype(x["train"][c])]
    for rows in x.values():
        rows[texts] = rows[texts].astype(str)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts),
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
    )
    if options.kind == "number":
        y = {side: numbers(rows, options.target) for side, rows in sides.items()}
        model: Any = make_pipeline(columns, Ridge())
    else:
        of = yes if options.kind == "binary" else lambda r, t: r[t].astype(str).to_numpy()
        y = {side: of(rows, options.target) for side, rows in sides.items()}
        model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    model.fit(x["train"], y["train"])
    return measured(model, x["test"], y["test"], options.kind)


def measured(model: Any, x: pd.DataFrame, y: np.ndarray, kind: str) -> dict[str, float]:
    if kind == "number":
        return of_numbers(y, model.predict(x))
    p = model.predict_proba(x)
    return of_binary(y, p[:, 1]) if kind == "binary" else of_classes(y, p, model.classes_)


def fasttext(sides: dict[str, pd.DataFrame], options: argparse.Namespace) -> dict[str, float]:
    """Supervised: each word of a cell is a word, marked with its column. Ranks alone: the
    probabilities of thousands of labels are expensive to get."""
    import fasttext as ft

    label = "__label__"
    labels = pd.Index(sides["train"][options.target].astype(str).unique())

    def lines(rows: pd.DataFrame) -> list[str]:
        made = []
        for row in rows.drop(columns=options.target).to_dict("records"):
            cells = ((c, v if isinstance(v, list) else str(v).split()) for c, v in row.items())
            made.append(" ".join(f"{c}={word}" for c, words in cells for word in words))
        return made

    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "train.txt")
        own = labels.get_indexer(sides["train"][options.target].astype(str))
        text.write_text(
            "".join(
                f"{label}{at} {line}\n" for at, line in zip(own, lines(sides["train"]), strict=True)
            )
        )
        model = ft.train_supervised(str(text), thread=2, seed=options.seed, verbose=0)
    hits = {1: 0, K: 0}
    wanted = labels.get_indexer(sides["test"][options.target].astype(str))
    for line, at in zip(lines(sides["test"]), wanted, strict=True):
        found = [said for _, said in model.f.predict(line + "\n", K, 0.0, "strict")]
        for k in hits:
            hits[k] += f"{label}{at}" in found[:k]
    return {f"accuracy@{k}": n / len(wanted) for k, n in hits.items()}


def neighbours(sides: dict[str, pd.DataFrame], options: argparse.Namespace) -> dict[str, float]:
    """Next items counted: those that came within three steps after the last item in training, and,
    half as much, those that came before it; a step further back counts .7 times."""
    items = next(c for c in sides["train"] if isinstance(sides["train"][c].iloc[0], list))
    counts: dict[str, dict[str, float]] = {}
    for history, after in zip(sides["train"][items], sides["train"][options.target], strict=True):
        for back, item in enumerate(history[:-4:-1]):
            for one, other, weight in ((item, after, 1.0), (after, item, 0.5)):
                of = counts.setdefault(one, {})
                of[other] = of.get(other, 0.0) + weight * 0.7**back
    popular = list(sides["train"][options.target].value_counts().index[: 2 * K])
    hits = 0
    for history, after in zip(sides["test"][items], sides["test"][options.target], strict=True):
        of = counts.get(history[-1], {}) if history else {}
        best = sorted(of, key=lambda item: -of[item])[:K]
        best += [item for item in popular if item not in best][: K - len(best)]
        hits += after in best
    return {"accuracy@10": hits / len(sides["test"])}


RIVALS: dict[str, Callable[[dict[str, pd.DataFrame], argparse.Namespace], dict[str, float]]] = {
    one.__name__: one for one in (catboost, lightgbm, logistic, fasttext, neighbours)
}


def run() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(RIVALS))
    parser.add_argument("--table", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--kind", choices=("binary", "number", "labels"), required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--names", nargs="*", default=[], help="numbers that are names")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    found = RIVALS[options.name](read(options), options)
    print(json.dumps({**found, "seconds": round(time.monotonic() - started, 1)}))


if __name__ == "__main__":
    run()
