"""The input `text`: words and runs of words in Arrow, in the transform graph and in the file."""

import random
import string
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow as tf
from hard_texts import HARD
from onnx import TensorProto, helper

from kinds.columns import Field, cast
from kinds.inputs.onnx import RawInput
from kinds.inputs.sequence import show as sequence_show
from kinds.inputs.several.network import left_padded
from kinds.inputs.text import graph, onnx, prepare, show
from kinds.inputs.text.spec import Text
from kinds.lists import list_lengths
from kinds.looks.column import Column
from kinds.nodes import ML_DOMAIN, Nodes
from kinds.prepare import Known
from kinds.tensors import ML_OPSET, NEWEST_OPSET, feature
from kinds.word_lists import word_lists
from kinds.words import PUNCTUATION, WHITE, Keep
from pipeline.failures import Failure
from pipeline.fields import fields_of
from pipeline.spec.file import parse_spec

SPECS = [
    Text(vocabulary="word", length=4),
    Text(vocabulary="word", length=4, keep="last"),
    Text(vocabulary="word", length=5, lower=True, punctuation="drop"),
    Text(vocabulary="word", length=3, ngram=2, lower=True),
    Text(vocabulary="word", length=2, ngram=3, keep="last", punctuation="drop"),
    Text(vocabulary="word", length=3, separator="|"),
    Text(vocabulary="word", length=3, separator="|", ngram=2, keep="last"),
    Text(vocabulary="word", length=3, separator="||", lower=True),
    Text(vocabulary="word", length=1),
]


def expected(part: Text, text: str | None) -> list[str]:
    """The values of a text, a character and a word at a time."""
    said = "".join(" " if letter in part.spaces() else letter for letter in text or "")
    if part.lower:
        said = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in said)
    if part.separator is None:
        found = [word for word in said.split(" ") if word]
    else:
        found = said.split(part.separator) if said else []
    joiner = part.separator or " "
    runs = [found[at : at + part.ngram] for at in range(len(found) - part.ngram + 1)]
    values = [joiner.join(run) for run in runs]
    return values[: part.length] if part.keep == "first" else values[-part.length :]


def known_of(part: Text, texts: list[str | None]) -> Known:
    """Every second value that there is."""
    values = dict.fromkeys(value for text in texts for value in expected(part, text) if value)
    return Known(pa.array(list(values)[::2], pa.string()))


def expected_ids(part: Text, texts: list[str | None], known: Known) -> list[list[int]]:
    place = {value: at for at, value in enumerate(known.values.to_pylist())}
    place[""] = len(place) + 1
    return [[place.get(v, len(place) - 1) for v in expected(part, text)] for text in texts]


def typed(part: Text, texts: list[str | None]) -> pa.Array:
    rows = pa.RecordBatch.from_pydict({"x": pa.array(texts, pa.string())})
    return cast(rows, [prepare.field(part, "x")])[0].column("x")


def in_arrow(part: Text, column: pa.Array, known: Known) -> list[list[int]]:
    ids: list[list[int]] = prepare.features("x", part, column, known)["x"].to_pylist()
    return ids


def in_the_graph(part: Text, column: pa.Array, known: Known) -> list[list[int]]:
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant([value.encode() for value in known.values.to_pylist()], tf.string),
            tf.range(len(known.values), dtype=tf.int64),
        ),
        num_oov_buckets=1,
    )
    raw = prepare.field(part, "x").column_type.raw(column).flatten()
    texts = tf.constant(raw.to_numpy(zero_copy_only=False), tf.string)
    made: list[list[int]] = graph.features("x", part, texts, table.lookup, known)["x"].to_list()
    return made


def in_the_file(part: Text, fed: npt.NDArray[Any], known: Known) -> npt.NDArray[Any]:
    nodes = Nodes()
    onnx.add_nodes(nodes, "x", part, RawInput("column", None, known.values.to_pylist()))
    used = {node.op_type for node in nodes.nodes}
    assert used <= onnx.operations()
    made = helper.make_graph(
        nodes.nodes,
        "x",
        [helper.make_tensor_value_info("column", TensorProto.STRING, ["rows"])],
        [helper.make_tensor_value_info(feature("x"), TensorProto.INT32, ["rows", part.length])],
        nodes.constants,
    )
    opsets = [helper.make_opsetid("", NEWEST_OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (ids,) = session.run(None, {"column": fed})
    return np.asarray(ids)


def padded(part: Text, ids: list[list[int]], known: Known) -> list[list[int]]:
    padding = len(known.values) + 1
    return [[padding] * (part.length - len(own)) + own for own in ids]


@pytest.mark.parametrize("part", SPECS, ids=str)
def test_hard_texts_have_the_same_ids_in_arrow_in_the_graph_and_in_the_file(part: Text) -> None:
    known, column = known_of(part, HARD), typed(part, HARD)
    ids = expected_ids(part, HARD, known)
    assert in_arrow(part, column, known) == ids
    assert in_the_graph(part, column, known) == ids
    fed = prepare.field(part, "x").column_type.fed(column, 1)
    assert in_the_file(part, fed, known).tolist() == padded(part, ids, known)


@pytest.mark.parametrize("part", SPECS, ids=str)
def test_texts_of_any_letters_in_any_order_have_the_same_ids_everywhere(part: Text) -> None:
    draw = random.Random(7)
    letters = [*"aAbB |,.\t\n", "  ", "||", "é", "🙂", "\u0130", "ß", "没", "\u0301", "\u00a0"]
    texts: list[str | None] = [
        "".join(draw.choices(letters, k=draw.randrange(12))) for _ in range(500)
    ]
    known, column = known_of(part, texts), typed(part, texts)
    ids = expected_ids(part, texts, known)
    assert in_arrow(part, column, known) == in_the_graph(part, column, known) == ids
    # One row at a time as well: how wide a batch is does not change a row.
    fed = prepare.field(part, "x").column_type.fed(column, 1)
    assert in_the_file(part, fed, known).tolist() == padded(part, ids, known)
    alone = np.concatenate([in_the_file(part, fed[at : at + 1], known) for at in range(20)])
    assert alone.tolist() == padded(part, ids[:20], known)


def test_no_other_character_of_unicode_separates_words_or_is_made_small() -> None:
    """Each one between two letters: only white space splits, and only A to Z are made small."""
    part = Text(vocabulary="word", length=2, lower=True)
    every = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    texts: list[str | None] = [f"a{letter}b" for letter in every]
    column = typed(part, texts)
    made = word_lists(part.words(), column)
    splits = {every[at] for at in np.flatnonzero(list_lengths(made) == 2)}
    assert splits == {" ", *WHITE}
    small = {every[at] for at in np.flatnonzero(pc.not_equal(pc.list_element(made, 0), texts))}
    assert small == {" ", *WHITE, *string.ascii_uppercase}
    by_graph = graph.lists(part.words(), tf.constant(column.cast(pa.binary()).to_pylist()))
    assert by_graph.to_list() == made.cast(pa.list_(pa.binary())).to_pylist()
    known = Known(made.flatten().unique())
    ids = in_the_file(part, prepare.field(part, "x").column_type.fed(column, 1), known)
    assert known.values.take(pa.array(ids[ids < len(known.values)])).equals(made.flatten())
    assert ((ids <= len(known.values) + 1) & (ids != len(known.values))).all()


def test_a_megabyte_of_text_is_read_as_a_short_one() -> None:
    words = ["alpha", "beta", "gamma", "é🙂"] * 50_000
    text = " ".join(words)
    assert len(text.encode()) > 1_000_000
    ways: list[tuple[Keep, list[str]]] = [("first", words[:3]), ("last", words[-3:])]
    for keep, counted in ways:
        part = Text(vocabulary="word", length=3, keep=keep)
        known = Known(pa.array(sorted(set(words)), pa.string()))
        ids = [sorted(set(words)).index(word) for word in counted]
        column = typed(part, [text])
        assert in_arrow(part, column, known) == in_the_graph(part, column, known) == [ids]
        assert in_the_file(part, np.array([text], object), known).tolist() == [ids]


def test_features_go_into_the_network_from_the_right() -> None:
    """As kinds.inputs.several.network pads them, so does the file."""
    part = Text(vocabulary="word", length=3)
    known = Known(pa.array(["a", "b"]))
    ragged = tf.ragged.constant(in_arrow(part, pa.array(["b a", "", "a"]), known), tf.int64)
    padded_ids = left_padded(ragged, length=3, padding=3).numpy().tolist()
    fed = np.array(["b a", "", "a"], object)
    assert in_the_file(part, fed, known).tolist() == padded_ids == [[3, 1, 0], [3] * 3, [3, 3, 0]]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("separator: '|', punctuation: drop", "leave out `separator`"),
        ("ngram: 4", "less than or equal to 3"),
        ("ngram: 0", "greater than or equal to 1"),
        ("combine: lstm", "needs `units`"),
        ("lower: tr", "lower"),
    ],
)
def test_a_text_that_cannot_be_is_refused_when_the_spec_is_read(settings: str, said: str) -> None:
    with pytest.raises(Failure, match=said):
        parse_spec(spec_with(settings))


def test_words_of_texts_are_never_read_as_values() -> None:
    with pytest.raises(Failure, match=r"vocabularies\.word\.reading: inputs\.title"):
        parse_spec(spec_with("", "size: 10, reading: values"))
    with pytest.raises(ValueError, match="only texts are read"):
        Field("x", "passage", reading="values")


def test_a_text_that_is_also_a_key_is_carried_as_it_is() -> None:
    text = spec_with("lower: true").replace("name: texts", "name: texts\nkeys: [title]")
    fields = fields_of(parse_spec(text))
    rows = pa.RecordBatch.from_pydict({"title": ["A\tB"], "y": ["1"]})
    row = cast(rows, fields.all())[0].to_pylist()[0]
    assert row[fields.inputs["title"][0].output] == "a b"
    assert row[fields.keys["title"].output] == row[fields.split["title"].output] == "A\tB"


def spec_with(settings: str, vocabulary: str = "size: 10") -> str:
    more = f", {settings}" if settings else ""
    return f"""
name: texts
vocabularies: {{word: {{{vocabulary}}}}}
inputs: {{title: {{kind: text, vocabulary: word, length: 4{more}}}}}
trunk: {{layers: [4]}}
heads: {{y: {{kind: binary}}}}
split: {{by: hash, columns: [title]}}
"""


def test_only_ascii_and_only_of_passages_becomes_a_space() -> None:
    assert {*WHITE, *PUNCTUATION, " "} == {
        chr(code) for code in range(1, 128) if chr(code).isspace() or not chr(code).isalnum()
    } - {chr(code) for code in [*range(1, 9), *range(14, 32), 127]}
    with pytest.raises(ValueError, match="of a passage become"):
        Field("x", "text", spaces=",")
    with pytest.raises(ValueError, match="of ASCII"):
        Field("x", "passage", spaces="\u00a0")


TITLES = [
    f"{start} {noun} of {place} ({year})"
    for start in ("The", "A", "Return of the", "My")
    for noun in ("Robot", "Wedding", "Sheriff")
    for place in ("Paris", "Tucson", "Kyoto")
    for year in (1970, 1985)
]
TOKENS = [f"self . {name} ( {one} ) ;" for name in ("get", "put", "pop") for one in "abcdefghij"]


@pytest.mark.parametrize(
    ("texts", "is_text"),
    [
        (TITLES, True),
        ([f"{title}! Isn't it?" for title in TITLES], True),
        ([title.replace("The", "Über die") for title in TITLES], True),
        (TOKENS, False),
        (["Toy", "Heat", "Sabrina"] * 20, False),
        ([["The", "Lord"], ["Of"]] * 20, False),
        ([f"Drama, {other}" for other in ("Comedy", "Action", "Western")] * 20, False),
    ],
)
def test_titles_look_like_texts_and_tokens_do_not(texts: list[Any], is_text: bool) -> None:
    column = Column("title", "title", pa.array(texts))
    look = show.could_be(column)
    assert (look is not None) == is_text
    if look is not None:
        sequence = sequence_show.could_be(column)
        assert sequence is None or look.sure > sequence.sure
        part = Text(**look.settings)
        assert part.lower and part.punctuation == "drop" and part.length in (7, 8, 9, 10)


def test_a_column_of_which_somebody_says_so_is_a_text() -> None:
    said = show.could_be(Column("x", "x", pa.array(["a b", "c"]), said="text"))
    assert said is not None and said.sure > 2
    assert show.could_be(Column("x", "x", pa.array(TITLES), said="id")) is None
