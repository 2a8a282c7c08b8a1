"""zkdps proves that a sharded model really ran.

The verbs of the toolkit are functions here, each imported when it is first used:

    zkdps.export(module, example_inputs, Path("model.onnx"))
    zkdps.build(Path("model.onnx"), Path("calib.npz"), Path("PKG"), ...)
    zkdps.prove(Path("PKG"), Path("x.npz"), Path("run.zkrun"), machine=...)
    zkdps.verify(Path("run.zkrun"), Path("model.zkvk"), machine=...)

What they take and return are the records of `zkdps.workflows.reports` and `zkdps.core`; what they
raise is in `zkdps.core.errors`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zkdps.workflows.audit import audit_key
    from zkdps.workflows.bounds import inspect_bounds
    from zkdps.workflows.build import build
    from zkdps.workflows.demo import demo
    from zkdps.workflows.doctor import doctor
    from zkdps.workflows.export import export
    from zkdps.workflows.inspect import inspect
    from zkdps.workflows.plan import list_tensors, plan
    from zkdps.workflows.prove import prove, prove_many
    from zkdps.workflows.report import report, report_key
    from zkdps.workflows.srs import check_srs, import_srs, list_srs, make_srs
    from zkdps.workflows.verify import verify
    from zkdps.workflows.warm import warm

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "audit_key",
    "build",
    "check_srs",
    "demo",
    "doctor",
    "export",
    "import_srs",
    "inspect",
    "inspect_bounds",
    "list_srs",
    "list_tensors",
    "make_srs",
    "plan",
    "prove",
    "prove_many",
    "report",
    "report_key",
    "verify",
    "warm",
]

_ROOMS = {
    "audit_key": "audit",
    "check_srs": "srs",
    "inspect_bounds": "bounds",
    "import_srs": "srs",
    "list_srs": "srs",
    "list_tensors": "plan",
    "make_srs": "srs",
    "prove_many": "prove",
    "report_key": "report",
}
"""Verb to its module in `zkdps.workflows`, where that has another name."""


def __getattr__(name: str) -> object:
    # Lazily, so that an auditor's `verify` never pays for, or needs, what `build` imports.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"zkdps.workflows.{_ROOMS.get(name, name)}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
