"""How each kind of input is shown, and what a column must look like to be one."""

from types import ModuleType

import pyarrow as pa
import pytest

from kinds.answers import check
from kinds.inputs import show
from kinds.looks.column import Column


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (["1.5", "2", ""] * 9, {"number", "category"}),
        (["a", "b"] * 9, {"category"}),
        (["01", "02"] * 9, {"category"}),
        ([f"{at} q r p" for at in range(27)], {"category", "sequence"}),
        ([["p", "q"], []] * 9, {"sequence"}),
    ],
)
def test_a_kind_takes_the_columns_that_suit_it(values: list[object], kinds: set[str]) -> None:
    column = Column("x", "x", pa.array(values))
    assert {kind for kind, said in show.KINDS.items() if said.could_be(column)} == kinds


def test_an_input_that_does_not_say_how_it_is_shown_is_refused() -> None:
    module = ModuleType("half")
    for name in ("lines", "could_be", "made_up"):
        setattr(module, name, getattr(show.KINDS["number"], name))
    with pytest.raises(TypeError, match="half must have missing"):
        check(module, show.Show)
