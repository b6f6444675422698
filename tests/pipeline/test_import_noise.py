"""Loading of heavy libraries: what it does to Python's search for cycles, and that it is undone."""

import gc
import sys
from types import ModuleType

import pytest

from pipeline.console.import_noise import quiet_import


@pytest.mark.parametrize("on", [True, False])
def test_the_search_for_cycles_waits_and_is_then_as_before(on: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        with pytest.raises(ImportError), quiet_import():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() == on
    finally:
        (gc.enable if before else gc.disable)()


def test_only_what_was_loaded_is_spared_later_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    spared: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: spared.append(True))
    with quiet_import():
        pass
    assert spared == []
    with quiet_import():
        monkeypatch.setitem(sys.modules, "loaded_for_this_test", ModuleType("new"))
    assert spared == [True]
