"""Doctor: what is installed, what fits this machine, what is missing and how to get it."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from zkdps.workflows.memory import available_bytes
from zkdps.workflows.reports import Finding, Machine
from zkdps.workflows.warm import are_warm

_NEEDED = ("ezkl", "onnx", "onnx_ir", "numpy", "click", "h5py", "py_ecc", "rich")
_EXTRAS = {
    "onnxruntime": ("operator", "building and calibrating"),
    "numba": ("operator", "proving with sumcheck"),
    "matplotlib": ("operator", "accuracy plots"),
    "safetensors": ("operator", "calibration data in that format"),
    "torch": ("torch", "exporting torch modules"),
    "onnxscript": ("torch", "torch's dynamo exporter"),
}
EZKL_VERSION = "23.0.5"
LOW_DISK_BYTES = 5 << 30
LOW_MEMORY_BYTES = 2 << 30


def doctor(*, machine: Machine) -> tuple[Finding, ...]:
    """Look at this machine; changes nothing."""
    findings = [_python(), *(_package(name) for name in _NEEDED)]
    findings += [_extra(name, *use) for name, use in _EXTRAS.items()]
    findings += [_kernels(), _gpu(), _links(), _memory(), _disk(machine.cache), *_srs(machine)]
    return tuple(findings)


def _python() -> Finding:
    fine = sys.version_info >= (3, 11) and sys.platform in ("linux", "darwin")
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("python", fine, True, detail, "use Python 3.11 or newer on Linux, macOS or WSL")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _package(name: str) -> Finding:
    version = _version(name)
    fine = version is not None and (name != "ezkl" or version == EZKL_VERSION)
    remedy = "pip install zkdps" if name != "ezkl" else f"pip install ezkl=={EZKL_VERSION}"
    return Finding(name, fine, True, version or "missing", remedy)


def _extra(name: str, extra: str, use: str) -> Finding:
    version = _version(name)
    if name == "onnxruntime" and version is None:
        version = _version("onnxruntime-gpu")
    detail = version or f"missing: needed for {use}"
    return Finding(name, version is not None, False, detail, f"pip install 'zkdps[{extra}]'")


def _kernels() -> Finding:
    fine = are_warm()
    detail = "compiled" if fine else "not compiled: the first sumcheck proof takes a minute longer"
    return Finding("sumcheck kernels", fine, False, detail, "`zkdps warm`")


def _gpu() -> Finding:
    version = _version("onnxruntime-gpu")
    remedy = "pip uninstall onnxruntime && pip install 'zkdps[gpu]'"
    detail = version or "not installed: activations are computed on the CPU"
    return Finding("onnxruntime-gpu", version is not None, False, detail, remedy)


def _links() -> Finding:
    import zkdps

    root = Path(zkdps.__file__).parent
    broken = [name for name in ("circuits", "calibration", "provers") if not (root / name).is_dir()]
    detail = f"broken: {', '.join(broken)}" if broken else "whole"
    remedy = "clone again with `git clone -c core.symlinks=true`"
    return Finding("package folders", not broken, True, detail, remedy)


def _memory() -> Finding:
    free = available_bytes()
    # Largest key whose proof fits: resident set is about 2.23 times the key (measured).
    detail = f"{free / 1e9:.1f} GB free: proving keys up to about {free * 0.85 / 2.23 / 1e9:.1f} GB"
    return Finding("memory", free >= LOW_MEMORY_BYTES, True, detail, "close other programs")


def _disk(cache: Path) -> Finding:
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    remedy = "free space, or choose another --cache"
    return Finding("disk", free >= LOW_DISK_BYTES, True, f"{free / 1e9:.1f} GB free", remedy)


def _srs(machine: Machine) -> list[Finding]:
    if _version("py_ecc") is None:
        return []
    from zkdps.workflows.srs import list_srs

    found = [f"{file.kind} k={file.logrows}" for file in list_srs(machine=machine)]
    detail = ", ".join(found) or "none yet: `build` makes a development SRS when it needs one"
    remedy = "`zkdps srs import FILE --source CEREMONY` for production keys"
    fine = any(text.startswith("ceremony") for text in found)
    return [Finding("SRS cache", fine, False, detail, remedy)]
