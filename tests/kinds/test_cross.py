"""The input `cross`: pairs and triples of ids, counted, looked up and learned."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import read_json, through_all_stages, words
from onnx import TensorProto, helper

from kinds.inputs.cross import graph, onnx, prepare
from kinds.inputs.cross.spec import Cross
from kinds.inputs.keys import Key
from kinds.inputs.onnx import RawInput
from kinds.inputs.pairs.codes import codes_in, codes_of, ids_in, texts_of
from kinds.nodes import Nodes
from kinds.prepare import Known
from kinds.tensors import feature
from pipeline import prepare as prepare_stage
from pipeline.failures import Failure
from pipeline.folders.data import DataFolder
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving.scorer import Scorer

CROSS = Cross(of=("maker", "price", "items.last"))
KEYS = (
    Key("maker", 5, unknown=3, missing=4),
    Key("price", 3, missing=2),
    Key("items", 4, unknown=2, missing=3, place=1),
)
# The triples that have an id, by their ids.
TRIPLES = [(0, 0, 0), (2, 1, 1), (0, 1, 0)]
MAKERS = [0, 2, 0, 1, 3, 4, 0, 2, 2]
PRICES = [0, 1, 1, 1, 0, 0, 2, 1, 1]
ITEMS = [[1, 0], [1], [0], [0], [0], [0], [0], [], [2]]
IDS = [0, 1, 2, 3, 3, 3, 3, 3, 3]


def known() -> Known:
    codes = [(a * 3 + b) * 3 + c for a, b, c in TRIPLES]
    return Known(keys=KEYS, codes=np.array(codes, np.int64))


def test_a_triple_has_its_id_and_one_that_is_rare_unknown_or_missing_has_the_next() -> None:
    features = {
        "maker": pa.array([[one] for one in MAKERS], pa.list_(pa.int64())),
        "price": pa.array([[one] for one in PRICES], pa.list_(pa.int64())),
        "items": pa.array(ITEMS, pa.list_(pa.int64())),
    }
    made = prepare.features("x", CROSS, features, known())
    assert made["x"].to_pylist() == [[one] for one in IDS]


def test_the_transform_graph_makes_the_same() -> None:
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(known().codes), tf.range(3, dtype=tf.int64)
        ),
        default_value=3,
    )
    raw = {
        "maker": tf.constant(MAKERS, tf.int64)[:, None],
        "price": tf.constant(PRICES, tf.int64)[:, None],
        "items": tf.ragged.constant(ITEMS, dtype=tf.int64),
    }
    made = graph.features("x", CROSS, raw, table.lookup, known())
    assert made["x"].numpy()[:, 0].tolist() == IDS


def test_the_file_makes_the_same() -> None:
    nodes, given = Nodes(), known()
    onnx.add_nodes(nodes, "x", CROSS, RawInput("", keys=KEYS, codes=given.codes.tolist()))
    fed = {
        feature("maker"): np.array(MAKERS, np.int32),
        feature("price"): np.array(PRICES, np.int32),
        feature("items"): np.array([([3, 3, *row])[-2:] for row in ITEMS], np.int32),
    }
    described = [
        helper.make_tensor_value_info(name, TensorProto.INT32, [None] * values.ndim)
        for name, values in fed.items()
    ]
    output = helper.make_tensor_value_info(feature("x"), TensorProto.INT32, [None])
    made = helper.make_graph(nodes.nodes, "x", described, [output], nodes.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert session.run(None, fed)[0].tolist() == IDS


def test_codes_are_a_number_for_each_pair_up_to_the_greatest_int64() -> None:
    sizes = [3_037_000_498, 3_037_000_498]  # (n + 1)^2 is just below 2^63
    ids = [np.array([0, sizes[0], 5]), np.array([0, sizes[1], 7])]
    codes = codes_of(ids, sizes)
    assert codes.tolist() == [0, (sizes[0] + 1) ** 2 - 1, 5 * (sizes[1] + 1) + 7]
    assert [own.tolist() for own in ids_in(codes, sizes)] == [own.tolist() for own in ids]


def test_the_text_of_a_pair_is_json_and_leads_back_to_its_code() -> None:
    values = [['say "a", b', "🙂", "", "\u2028\t"], ["[", "\\", "Ünïcode"]]
    codes = np.array([a * 4 + b for a in range(4) for b in range(3)], np.int64)
    texts = texts_of(codes, values).to_pylist()
    assert [json.loads(text) for text in texts] == [[a, b] for a in values[0] for b in values[1]]
    assert codes_in(texts, values).tolist() == codes.tolist()


def test_a_pair_whose_value_is_gone_has_a_code_that_no_row_has() -> None:
    codes = codes_in(['["a", "x"]', '["gone", "x"]', '["a", "gone"]'], [["a"], ["x"]])
    assert codes[0] == 0
    assert len({*codes.tolist()}) == 3
    assert (codes[1:] < 0).all()


SPEC = """
name: crossed
vocabularies: {maker: {size: 4}, item: {}}
inputs:
  maker_new: {kind: cross, of: [maker, new], embedding: 4}
  maker: {kind: category, vocabulary: maker, embedding: 4}
  new: {kind: flag}
  items: {kind: sequence, vocabulary: item, length: 2}
  size: {kind: number, scale: buckets, buckets: 3, embedding: 2}
  all_three: {kind: cross, of: [size, maker, items.last], size: 30, min_count: 3, embedding: 4}
trunk: {layers: [8], inputs: [maker_new, maker, new, all_three]}
heads:
  bought: {kind: binary}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 2, batch_size: 32, learning_rate: 0.02}
"""


def rows(count: int = 900) -> pa.Table:
    """Neither the maker nor whether it is new says anything alone; together they say all."""
    draw = np.random.default_rng(3)
    maker, new = draw.integers(0, 6, count), draw.integers(0, 2, count)
    lists = [[f"i{one}" for one in draw.integers(0, 5, draw.integers(0, 4))] for _ in range(count)]
    return pa.table(
        {
            "row": [str(at) for at in range(count)],
            "maker": pa.array([f'm"{one}"' for one in maker], mask=draw.random(count) < 0.1),
            "new": pa.array(new == 1, mask=draw.random(count) < 0.1),
            "items": lists,
            "size": pa.array(draw.normal(size=count), mask=draw.random(count) < 0.1),
            "bought": (maker + new) % 2 == 1,
        }
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(parse_spec(SPEC), rows(), tmp_path_factory.mktemp("c") / "out")


def examples(data: DataFolder, side: str) -> list[dict[str, list[int]]]:
    """Their features of ids and flags."""
    found = []
    for path in data.files(side):
        for record in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            found.append(
                {
                    name: [int(value) for value in one.int64_list.value or one.float_list.value]
                    for name, one in features.items()
                }
            )
    return found


def test_the_vocabulary_has_the_pairs_of_the_training_rows_by_how_often(done: Path) -> None:
    data = DataFolder(done / "data")
    makers = list(data.vocabulary("maker"))
    train = examples(data, "train")
    found = Counter(
        json.dumps([makers[row["maker"][0]], str(row["new"][0])])
        for row in train
        if row["maker"][0] < 4 and not row["new.missing"][0]
    )
    often = sorted(((-n, text) for text, n in found.items() if n >= 2))
    assert data.vocabulary("maker_new.pairs") == {text: -n for n, text in often}
    assert len(often) == 8


def test_triples_are_of_buckets_and_of_the_last_of_a_list_too(done: Path) -> None:
    data = DataFolder(done / "data")
    makers, items = list(data.vocabulary("maker")), list(data.vocabulary("item"))
    train = examples(data, "train")
    found = Counter(
        json.dumps([str(row["size"][0]), makers[row["maker"][0]], items[row["items"][-1]]])
        for row in train
        if row["size"][0] < 3 and row["maker"][0] < 4 and row["items"]
    )
    often = sorted(((-n, text) for text, n in found.items() if n >= 3))[:30]
    own = data.vocabulary("all_three.pairs")
    assert own == {text: -n for n, text in often}
    said = data.statistics.vocabularies["all_three.pairs"]
    assert said["entries"] == 30
    assert said["distinct"] == len(found)
    assert said["below_min_count"] == sum(n < 3 for n in found.values())


def test_every_pair_is_in_the_certificate(done: Path) -> None:
    certificate = read_json(done / "model" / "certificate.json")
    assert certificate["cases"]["every_pair/maker_new"] == 8
    assert certificate["cases"]["every_pair/all_three"] == 30
    assert certificate["largest_differences"]["features"]["maker_new"] == 0


def test_the_network_reads_the_cross_and_not_what_the_trunk_leaves_out(done: Path) -> None:
    weights = read_json(done / "run" / "manifest.json")["weights"]["tables"]
    assert {name: shape[0] for name, shape in weights.items()} == {
        "table.maker_new.pairs/embeddings": 10,
        "table.maker/embeddings": 6,
        "table.all_three.pairs/embeddings": 32,
    }


def test_a_file_scores_rows_and_tells_unknown_pairs(done: Path) -> None:
    scorer = Scorer(done / "model" / "model.onnx")
    assert sorted(scorer.columns) == ["items", "maker", "new", "size"]
    usual = scorer.metadata.usual()
    assert (usual["maker_new"].size, usual["all_three"].size) == (8, 30)
    data = DataFolder(done / "data")
    shares = [side["out_of_vocabulary"] for side in data.statistics.inputs["maker_new"].values()]
    assert usual["maker_new"].share == max(shares)


def test_what_two_inputs_say_together_is_learned(tmp_path: Path) -> None:
    spec = parse_spec(SPEC.replace("epochs: 2", "epochs: 12"))
    out = through_all_stages(spec, rows(3000), tmp_path / "out")
    metrics = read_json(out / "run" / "metrics.json")
    side = DataFolder(out / "data").statistics.inputs["maker_new"]["eval"]
    # A pair with an id tells the target, every other row is a coin's toss.
    possible = 1 - side["out_of_vocabulary"] / 2
    assert abs(metrics["eval"]["bought"]["accuracy"] - possible) < 0.03
    assert metrics["baselines"]["bought"]["constant"]["eval"]["accuracy"] < 0.55 < possible - 0.1


def test_pairs_keep_their_ids_where_data_is_extended(done: Path, tmp_path: Path) -> None:
    more = rows(2000).slice(900)
    pq.write_table(more, tmp_path / "more.parquet")
    prepare_stage.run(
        words("--spec", done / "spec.json", "--input", tmp_path / "more.parquet")
        + words("--extend", done / "data", "--output", tmp_path / "data")
    )
    old, new = (
        DataFolder(path / "data").vocabulary("all_three.pairs") for path in (done, tmp_path)
    )
    assert list(new) == list(old)


def test_a_cross_without_a_pair_is_said(tmp_path: Path) -> None:
    spec = parse_spec(SPEC.replace("min_count: 3", "min_count: 900"))
    (tmp_path / "spec.json").write_text(spec.to_json(), encoding="utf-8")
    pq.write_table(rows(), tmp_path / "rows.parquet")
    with pytest.raises(
        Failure, match=r"min_count=900 times in \['size and maker and items.last'\]"
    ):
        prepare_stage.run(
            words("--spec", tmp_path / "spec.json", "--input", tmp_path / "rows.parquet")
            + words("--output", tmp_path / "data")
        )


def changed(old: str, new: str) -> Spec:
    assert old in SPEC
    return parse_spec(SPEC.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[maker, new]", "[maker]", "at least 2"),
        ("[maker, new]", "[maker, maker]", "must name different inputs"),
        ("[maker, new]", "[maker, price]", "no input is called 'price'"),
        (
            "[maker, new]",
            "[maker, items]",
            r"'items' is no id of inputs.items; it has \['items.last'",
        ),
        ("[maker, new]", "[maker, all_three]", "'all_three' is made of other inputs itself"),
        ("[maker, new]", "[maker, new], column: x", "leave out `column`"),
        (
            "scale: buckets, buckets: 3, embedding: 2",
            "scale: log",
            "'size' is no id of inputs.size; it has none",
        ),
    ],
)
def test_what_cannot_be_crossed_is_refused_when_the_spec_is_read(
    old: str, new: str, said: str
) -> None:
    with pytest.raises(Failure, match=said):
        changed(old, new)


def test_more_pairs_than_int64_can_tell_apart_are_refused() -> None:
    text = SPEC.replace("{size: 4}", "{size: 2_147_483_647}").replace(
        "item: {}", "item: {size: 2_147_483_647}"
    )
    text = text.replace("buckets: 3", "buckets: 3")
    with pytest.raises(Failure, match="there must be at most 9,223,372,036,854,775,807 pairs"):
        parse_spec(text)
