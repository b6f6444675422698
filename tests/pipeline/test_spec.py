"""The spec is refused as a whole, with the place, or is right as a whole."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from kinds.columns import Field
from kinds.heads.score import KINDS, FileHead
from kinds.heads.spec import CLASSES
from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from pipeline.spec.file import MAX_SPEC_BYTES, parse_spec, read_spec
from pipeline.spec.limits import check_size

WORKING: dict[str, Any] = {
    "name": "words",
    "keys": ["line"],
    "vocabularies": {"word": {}, "next_word": {"size": 25_000}},
    "shared": {"common": {"units": 128}},
    "inputs": {
        "word": {"kind": "category", "vocabulary": "word", "through": "common"},
        "before": {"kind": "sequence", "vocabulary": "word", "length": 10, "through": "common"},
        "age": {"kind": "number"},
    },
    "heads": {"next_word": {"kind": "classification", "vocabulary": "next_word"}},
    "split": {"by": "hash", "columns": ["line"]},
}


def spec_with(**changes: Any) -> str:
    """The working spec as YAML, with dotted places set to other values (None: taken out)."""
    said = copy.deepcopy(WORKING)
    for place, value in changes.items():
        *parents, last = place.split("__")
        part = said
        for parent in parents:
            part = part.setdefault(parent, {})
        if value is None:
            del part[last]
        else:
            part[last] = value
    return yaml.safe_dump(said, sort_keys=False)


def test_defaults_are_the_sizes_of_the_question() -> None:
    spec = parse_spec(spec_with())
    assert spec.vocabularies["word"].size == 10_000
    assert spec.lookups()["word"].width == 50
    [layer] = spec.shared["common"].dense_layers()
    assert (layer.units, layer.bias, layer.activation) == (128, False, None)


def test_inputs_over_one_vocabulary_share_its_table_unless_they_name_another() -> None:
    spec = parse_spec(spec_with(inputs__before__table="history"))
    tables = {name: part.table for name, part in spec.lookups().items()}
    assert tables == {"word": "word", "before": "history"}


@pytest.mark.parametrize(
    "column", ["line", "a\x7fb", "a\x85 b", "a\u2028b", "\uffff", "\U0001f642"]
)
def test_survives_the_way_through_json(column: str) -> None:
    """With column names too that YAML does not take, or takes for two lines."""
    spec = parse_spec(spec_with(keys=[column], training__learning_rate=1e-7))
    assert (spec.keys, spec.training.learning_rate) == ((column,), 1e-7)
    assert parse_spec(spec.to_json()) == spec
    assert Spec.model_validate_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("changes", "place", "rule"),
    [
        ({"colour": 1}, "colour", "no such setting. Received: 1"),
        ({"inputs__age__scal": "log"}, "inputs.age.scal", "no such setting; there is 'scale'"),
        ({"trunk__layers": [{"unit": 8}]}, "trunk.layers.0.units", "must be given"),
        ({"split__colums": ["line"]}, "split.colums", "there is 'columns'"),
        ({"shared__common__phases": {"evry": 1}}, "shared.common.phases.every", "must be given"),
        ({"inputs__age__kind": None}, "inputs.age.kind", "must be given. Received: {}"),
        ({"inputs__age": "number"}, "inputs.age", "must be a mapping. Received: 'number'"),
        ({"keys": "line"}, "keys", "must be a list"),
        ({"trunk__layers": 8}, "trunk.layers", "must be a list"),
        ({"training__epochs": "three"}, "training.epochs", "must be a whole number. Received"),
        ({"training__learning_rate": "fast"}, "training.learning_rate", "must be a number. R"),
        ({"inputs__age__kind": "numbr"}, "inputs.age.kind", "must be one of"),
        ({"inputs__next_word": {"kind": "number", "column": "x"}}, "heads.next_word", "taken by"),
        (
            {"vocabularies__word": {"counted": ["next_word"]}},
            "vocabularies.word.counted",
            "'next_word' does not use it. Its users: ['word', 'before']",
        ),
        ({"inputs__word__vocabulary": "wrd"}, "inputs.word.vocabulary", "no vocabulary is called"),
        ({"inputs__word__through": "comon"}, "inputs.word.through", "no shared block is called"),
        ({"heads__next_word__column": "age"}, "heads.next_word", "gives the answer away"),
        ({"inputs__before__embedding": 60}, "inputs.before", "must be 'word' and 50"),
        (
            {"inputs__before__embedding": 60, "inputs__before__table": "own"},
            "inputs.before",
            "its embedding must be 50, not 60",
        ),
        ({"vocabularies__spare": {}}, "vocabularies.spare", "no input and no head uses it"),
        ({"shared__spare": {"units": 2}}, "shared.spare", "no input goes through it"),
        ({"shared__common": {}}, "shared.common", "give either"),
        ({"inputs__two words": {"kind": "number"}}, "inputs.two words", "letters, digits"),
        ({"inputs__../x": {"kind": "number"}}, "inputs.../x", "letters, digits"),
        ({"vocabularies__word__size": 0}, "vocabularies.word.size", "greater than or equal to 1"),
        ({"vocabularies__word__values": ["a", "a"]}, "vocabularies.word", "must not repeat"),
        ({"vocabularies__word__values": []}, "vocabularies.word", "must list a value"),
        (
            {
                "vocabularies__next_word__values": ["True", "8"],
                "heads__next_word__class_weights": {"true": 2.0, "8.0": 1.0, "9": 3.0},
            },
            "heads.next_word",
            "'9' is none of vocabularies.next_word.values",
        ),
        ({"inputs__before__combine": "lstm"}, "inputs.before", "needs `units`"),
        ({"inputs__before__units": 3}, "inputs.before", "goes with `combine: lstm`"),
        ({"inputs__before__combine": "sum3"}, "inputs.before.combine", "'concat', 'mean'"),
        ({"inputs__age__scale": "buckets"}, "inputs.age", "go together"),
        ({"heads__next_word__tied": "word"}, "heads.next_word.tied", "over the vocabulary"),
        ({"heads__next_word__inputs": ["wrod"]}, "heads.next_word.inputs", "no input is called"),
        ({"split__eval": 0.5, "split__test": 0.5}, "split", "must leave rows for training"),
        ({"split__by": "luck"}, "split.by", "must be one of"),
        ({"training__epochs": 0}, "training.epochs", "greater than or equal to 1"),
        ({"training__learning_rate": float("nan")}, "training.learning_rate", "must be a number"),
        ({"training__learning_rate": "1e400"}, "training.learning_rate", "finite"),
        ({"weight": "age"}, "weight", "also an input"),
        ({"inputs__age__column": "top_k"}, "inputs.age", "needs another name in the rows"),
        ({"inputs__top_k": {"kind": "number"}}, "inputs.top_k", "is called 'top_k' or begins"),
        ({"inputs__age__column": "/age"}, "inputs.age", "'/age' needs another name"),
        ({"inputs__age__column": "next_word.scores"}, "inputs.age", "a result of heads.next_word"),
        ({"inputs__age__column": "next_word.only"}, "inputs.age", "which labels heads.next_word"),
        ({"inputs__word__column": "next_word.exclude"}, "inputs.word", "the column 'next_word.ex"),
        ({"keys": ["next_word.labels"]}, "keys", "a result of heads.next_word"),
        ({"heads__next_word__top_k": 2**31}, "heads.next_word.top_k", "at most 2,147,483,647"),
        ({"inputs__before__length": 10**30}, "inputs.before.length", "at most 2,147,483,647"),
        ({"inputs__age__missing": 1e39}, "inputs.age.missing", "must be a float32"),
        ({"trunk__layers": [30_000, 30_000]}, "trunk.layers", "at most 2,147,483,647"),
        ({"shared__common": {"layers": [30_000, 30_000]}}, "shared.common", "ONNX file has"),
        ({"keys": ["line", "line"]}, "keys", "named twice"),
        ({"split": None}, "split", "must be given"),
    ],
)
def test_a_wrong_spec_is_one_message_with_the_place(
    changes: dict[str, Any], place: str, rule: str
) -> None:
    with pytest.raises(Failure) as caught:
        parse_spec(spec_with(**changes), source="my.yaml")
    message = str(caught.value)
    assert caught.value.exit_code == Exit.USAGE
    assert message.startswith(f"my.yaml: {place}"), message
    assert rule in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "changes",
    [
        {"heads__next_word__column": "top_k"},
        {"keys": ["top_k", "/line"]},
        {"inputs__age__column": "next_word.score"},
        {"inputs__word__embedding": 30_000, "inputs__before__embedding": 30_000},
        {"inputs__age__missing": -1e38},
    ],
)
def test_what_export_takes_is_not_refused(changes: dict[str, Any]) -> None:
    parse_spec(spec_with(**changes))


def test_results_are_called_in_a_spec_as_in_the_file() -> None:
    for name, part in {one.model_fields["kind"].default: one for one in CLASSES}.items():
        made = part.model_construct(kind=name)
        head = FileHead("h", name, Field("h", "text"), 1)
        assert made.results("h") == list(KINDS[name].columns(head, labels_only=False))


def test_a_file_that_would_be_too_large_is_refused_once_its_vocabularies_are_known() -> None:
    spec = parse_spec(spec_with(trunk={"layers": [64]}))
    entries = {"word": 10_000, "next_word": 25_000}
    check_size(spec, entries)
    with pytest.raises(ValueError, match=r"^heads\.next_word: .*; 2,560,000,000 of them are here"):
        check_size(spec, entries | {"next_word": 10_000_000})
    with pytest.raises(ValueError, match=r"^inputs\.word: "):
        check_size(spec, entries | {"word": 20_000_000})
    # A linear block is multiplied into the table: narrow rows are what counts.
    narrow = parse_spec(spec_with(shared__common__units=4))
    check_size(narrow, entries | {"word": 20_000_000})


def test_a_place_shows_no_word_that_nobody_wrote() -> None:
    with pytest.raises(Failure, match=r"inputs\.category\.embedding: "):
        parse_spec(spec_with(inputs__category={"kind": "category", "embedding": 0}))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a: [1", "not readable as YAML"),
        ("name: a\nname: b", "not readable as YAML: the key 'name' is given twice at line 2"),
        ("a: &a [1]\nb: *a", "aliases are not allowed"),
        ("[" * 5000, "nest at most 100 deep"),
        ("- a", "must be a mapping"),
        ("word,next\na,b", "must be a mapping of settings. Received: 'word,next a,b'"),
        ("", "must be a mapping of settings. Received: nothing"),
    ],
)
def test_text_that_is_no_spec_is_refused(text: str, rule: str) -> None:
    with pytest.raises(Failure, match=rule) as caught:
        parse_spec(text)
    assert caught.value.exit_code == Exit.USAGE


def test_a_huge_absent_or_binary_file_or_a_folder_is_refused_before_it_is_parsed(
    tmp_path: Path,
) -> None:
    huge, binary = tmp_path / "huge.yaml", tmp_path / "binary.yaml"
    huge.write_text("#" * (MAX_SPEC_BYTES + 1))
    binary.write_bytes(b"name: \xff\xfe")
    for path in (huge, binary, tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(Failure) as caught:
            read_spec(path)
        assert caught.value.exit_code == Exit.USAGE


def test_only_what_prepare_depends_on_changes_the_preparation_hash() -> None:
    plain = parse_spec(spec_with()).preparation_hash()

    def changed(**changes: Any) -> bool:
        return parse_spec(spec_with(**changes)).preparation_hash() != plain

    assert not changed(training__epochs=3)
    assert not changed(inputs__word__embedding=60, inputs__before__embedding=60)
    assert not changed(heads__next_word__weight=2.0)
    assert not changed(inputs__word__column="word")
    assert changed(inputs__word__column="token")
    assert changed(vocabularies__word__size=9)
    assert changed(split__eval=0.2)
    assert changed(inputs__before__length=11)
    assert changed(inputs__age__scale="log")


def test_words_that_yaml_would_take_for_truth_values_stay_words() -> None:
    text = spec_with().replace("name: words", "name: yes").replace("- line", "- no")
    spec = parse_spec(text)
    assert (spec.name, spec.keys) == ("yes", ("no",))
    assert parse_spec(text + "weight: null").weight is None


def test_what_is_wrong_everywhere_is_told_five_times() -> None:
    with pytest.raises(Failure) as failed:
        parse_spec(spec_with(keys=list(range(1000))))
    assert str(failed.value).count("Received") == 5


def test_a_bare_number_is_a_layer() -> None:
    spec = Spec.model_validate({**WORKING, "trunk": {"layers": [256, {"units": 2, "bias": False}]}})
    assert [(layer.units, layer.bias) for layer in spec.trunk.layers] == [(256, True), (2, False)]


def test_settings_change_any_place_and_are_checked_as_the_spec_is() -> None:
    settings = ["training.batch_size=512", "shared.common.phases.every=2", "keys=[line, 'age']"]
    spec = parse_spec(spec_with(), settings=settings)
    assert spec.training.batch_size == 512
    assert spec.shared["common"].phases is not None
    assert spec.keys == ("line", "age")
    assert parse_spec(parse_spec(spec_with()).to_json(), settings=settings) == spec
    assert parse_spec(spec_with(), settings=["training.epochs=2", "training.epochs=3"]) == (
        parse_spec(spec_with(training__auto=True, training__epochs=3))
    )
    with pytest.raises(Failure, match=r"^spec: training\.epochs: .* Received: 0"):
        parse_spec(spec_with(), settings=["training.epochs=0"])
    with pytest.raises(Failure, match=r"^spec: training\.speed: no such setting"):
        parse_spec(spec_with(), settings=["training.speed=9"])


def test_training_is_auto_unless_its_settings_are_said() -> None:
    left_out = parse_spec(spec_with())
    assert left_out.training.auto
    assert parse_spec(spec_with(training="auto")) == left_out
    assert not parse_spec(spec_with(training={"epochs": 3})).training.auto
    assert parse_spec(spec_with(), settings=["training.minutes=2"]).training.minutes == 2
    with pytest.raises(Failure, match="`minutes` goes with `auto: true` only"):
        parse_spec(spec_with(training={"minutes": 2}))


def test_a_spec_that_leaves_something_open_is_saved_with_what_was_said_and_no_more() -> None:
    said = parse_spec(spec_with(), settings=["training.epochs=3", "trunk.dropout=0.5"])
    saved = parse_spec(said.to_json())
    assert saved == said
    assert saved.training.model_fields_set == {"auto", "epochs"}
    assert saved.trunk.model_fields_set == {"dropout"}
    assert saved.preparation_hash() == parse_spec(spec_with(training={})).preparation_hash()


@pytest.mark.parametrize("setting", ["epochs", "=3", "name.x=1", "keys.0=a", "training.epochs=["])
def test_a_setting_that_names_no_place_is_refused(setting: str) -> None:
    with pytest.raises(Failure, match="a setting is PLACE=VALUE") as failed:
        parse_spec(spec_with(), settings=[setting])
    assert failed.value.exit_code == Exit.USAGE
