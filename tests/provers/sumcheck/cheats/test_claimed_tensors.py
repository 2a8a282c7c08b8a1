"""Values that a run or an auditor holds against a root: a root binds residues modulo p."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.provers.sumcheck.cheats import blocks
from zkdps.core.errors import CheckFailed
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.plan import TensorSpec
from zkdps.core.statement import Link
from zkdps.provers.sumcheck import auditor
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system_json import system_to_files


@pytest.mark.parametrize("name", ["x", "out"])
@pytest.mark.parametrize("lift", [P, -P, 1 << 32, -(1 << 32), 3 * P, 1 << 20])
def test_other_integers_with_the_same_residues(name: str, lift: int) -> None:
    """x + p, and x + 2^32 where 32-bit words are laid out, would have the root of x."""
    ran = blocks.linear()
    system = replace(ran.built.system, weights_root="5a" * 32)
    text, tables = system_to_files(system)
    material = {"system.json": text, "tables.bin": tables}
    position = [tensor.name for tensor in system.tensors].index(name)
    integers = ran.values[position].astype(np.int64)
    spec = TensorSpec(name, integers.shape, "float32", 4)
    root = auditor.commit(material, Link.MERKLE, spec, FixedTensor(integers.copy(), 4))
    assert len(root.value) == 32
    lifted = integers.copy()
    lifted[0, 0] += lift
    with pytest.raises(CheckFailed, match="leave its range"):
        auditor.commit(material, Link.MERKLE, spec, FixedTensor(lifted, 4))
