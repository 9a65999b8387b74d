"""Random starts: their bounds and their spread, block by block."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from derive.architecture import Architecture
from derive.package import render
from derive.proof import prove


@pytest.mark.parametrize(
    ("architecture", "fans"),
    [
        ("9-400:tanh-50:tanh-1:linear", [9, 9, 400, 400, 50, 50]),
        ("9-400:tanh,no-bias-50:tanh-1:linear,no-bias", [9, 400, 400, 50]),
        ("9-400:tanh-50:tanh-2:linear+W2+W1", [9, 9, 400, 400, 50, 400, 9, 50]),
        ("9-9:tanh-9:tanh=W2-400:tanh-9:linear=W4T,no-bias", [9, 9, 9, 9, 9]),
    ],
)
def test_uniform_start_has_the_bound_and_variance_of_every_block(
    architecture: str, fans: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / f"start_{'_'.join(map(str, fans))}"
    folder.mkdir()
    text = render(prove(Architecture.parse(architecture), brute_force=False))["parameters.py"]
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "parameters.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    fit = importlib.import_module(f"{folder.name}.parameters")
    del sys.modules[fit.__name__], sys.modules[folder.name]
    p = fit.initial_parameters(4, "uniform")
    blocks = dict(zip(fit.NAMES, fit.unpack(p), strict=True))
    assert len(blocks) == len(fans)
    for (name, block), fan in zip(blocks.items(), fans, strict=True):
        bound = 1 / np.sqrt(fan)
        assert np.abs(block).max() <= bound, name
        assert len(np.unique(block)) == block.size, name
        if block.size >= 400:
            assert np.abs(block).max() > 0.95 * bound, name
            assert abs(block.mean()) < 0.12 * bound, name
            assert block.var() == pytest.approx(bound**2 / 3, rel=0.15), name
    np.testing.assert_array_equal(p, fit.initial_parameters(4, "uniform"))
    assert not np.array_equal(p, fit.initial_parameters(5, "uniform"))
