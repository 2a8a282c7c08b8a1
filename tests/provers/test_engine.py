"""Whatever happens in a worker, the caller gets one of our errors and no process stays behind."""

from __future__ import annotations

import builtins
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zkdps.core.errors import (
    ProverFailed,
    ProverKilled,
    ProverPanicked,
    ProverTimedOut,
    StorageFailed,
    ZkdpsError,
)
from zkdps.provers.engine import (
    Engine,
    Limits,
    Request,
    WorkerFailure,
    WorkerKilled,
    WorkerTimedOut,
)
from zkdps.provers.ezkl.runner import Runner
from zkdps.provers.failures import error_of, mapped

FAULTY = """
import os, sys, time

class PyRunArgs:
    pass

class PanicException(BaseException):
    pass

PanicException.__module__ = "pyo3_runtime"

def pid(): return os.getpid()
def echo(value): return value
async def later(value): return value
def run_args(py_run_args): return [repr(py_run_args.lookup_range), py_run_args.logrows]
def sleep(seconds): time.sleep(seconds)
def hog(size):
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(0.3)
def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
def abort(): os.abort()
def leave(code): os._exit(code)
def chatter():
    print("out"); os.write(1, b"out"); sys.stderr.write("err")
def write(path, size):
    with open(path, "wb") as stream: stream.write(bytes(size))
def fail(name, message):
    raise (PanicException if name == "PanicException" else getattr(__builtins__, name))(message)
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "faulty.py").write_text(FAULTY.replace("__builtins__", "__import__('builtins')"))
    made = Engine("faulty", Limits(timeout_s=30), {"PYTHONPATH": str(tmp_path)})
    yield made
    made.close()


def ask(name: str, *args: object) -> Request:
    return Request(name, args, returns=True)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("waited ten seconds in vain")


def test_calls_share_a_process_and_once_does_not(engine: Engine) -> None:
    shared = engine.call(ask("pid"))
    assert engine.call(ask("pid")) == shared != os.getpid()
    alone, _ = engine.once(ask("pid"))
    assert alone not in (shared, os.getpid())
    wait_until(lambda: gone(alone))


def test_results_awaitables_and_run_args_travel(engine: Engine) -> None:
    assert engine.call(ask("echo", [1, "two", None])) == [1, "two", None]
    assert engine.call(ask("later", 3)) == 3
    run_args = {"lookup_range": [-5, 5], "logrows": 12}
    assert engine.call(Request("run_args", run_args=run_args, returns=True)) == ["(-5, 5)", 12]


def test_nothing_reaches_our_streams(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    engine.call(ask("chatter"))
    assert capfd.readouterr() == ("", "")


def test_usage_is_the_workers_own(engine: Engine) -> None:
    ballast = bytearray(200 << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    _, small = engine.once(ask("echo", 1))
    _, large = engine.once(ask("hog", 100 << 20))
    _, busy = engine.once(ask("spin", 0.3))
    assert small.peak_rss_bytes < 100 << 20, "our own memory was counted as the worker's"
    assert 100 << 20 < large.peak_rss_bytes < 200 << 20
    assert busy.cpu_s >= 0.3 > small.cpu_s
    assert busy.wall_s >= 0.3


def test_a_timeout_ends_the_process_and_the_next_call_works(engine: Engine) -> None:
    pid = engine.call(ask("pid"))
    with pytest.raises(WorkerTimedOut):
        engine.call(ask("sleep", 60), Limits(timeout_s=0.2))
    wait_until(lambda: gone(pid))
    assert engine.call(ask("echo", 1)) == 1


def test_a_kill_from_outside_is_told_and_the_next_call_works(engine: Engine) -> None:
    pid = engine.call(ask("pid"))
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(WorkerKilled) as caught:
        engine.call(ask("sleep", 60))
    assert caught.value.signal == signal.SIGKILL
    assert engine.call(ask("pid")) != pid


def test_a_kill_between_calls_goes_unnoticed(engine: Engine) -> None:
    pid = engine.call(ask("pid"))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gone(pid))
    assert engine.call(ask("echo", 1)) == 1


def test_the_memory_limit_ends_the_process(engine: Engine) -> None:
    with pytest.raises(WorkerKilled) as caught:
        engine.once(ask("hog", 300 << 20), Limits(timeout_s=30, memory_bytes=150 << 20))
    assert caught.value.peak_rss_bytes > 150 << 20


def test_aborts_and_exits_are_told(engine: Engine) -> None:
    with pytest.raises(WorkerKilled) as caught:
        engine.call(ask("abort"))
    assert caught.value.signal == signal.SIGABRT
    with pytest.raises(WorkerFailure, match="exit 3"):
        engine.call(ask("leave", 3))


def test_ctrl_c_ends_the_worker(engine: Engine) -> None:
    pid = engine.call(ask("pid"))
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        engine.call(ask("sleep", 60))
    wait_until(lambda: gone(pid))


def test_workers_die_with_their_parent(tmp_path: Path, engine: Engine) -> None:
    script = (
        "import sys, threading, time\n"
        "from zkdps.provers.engine import Engine, Limits, Request\n"
        f"engine = Engine('faulty', Limits(60), {{'PYTHONPATH': {str(tmp_path)!r}}})\n"
        "print(engine.call(Request('pid', returns=True)), flush=True)\n"
        "engine.call(Request('sleep', (60,)))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    wait_until(lambda: gone(pid))


def test_a_worker_outlives_the_thread_that_first_asked(engine: Engine) -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(engine.call(ask("pid"))))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert engine.call(ask("pid")) == found[0]


def test_a_full_disk_is_told_even_where_the_back_end_keeps_silent(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "out.bin"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Room for the file, but not for the last buffer that a back end may lose without a word.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(StorageFailed), mapped(0, "write", path):
            engine.once(Request("write", (path, (1 << 20) - 100), writes=(path,)))
        with pytest.raises(StorageFailed), mapped(0, "write", path):
            engine.once(Request("write", (path, 2 << 20), writes=(path,)))
        engine.once(Request("write", (path, 100), writes=(path,)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == 100, "probing for room must leave the file as it was"


@pytest.mark.parametrize("missing", [True, False])
def test_missing_or_empty_outputs_are_failures(
    engine: Engine, tmp_path: Path, missing: bool
) -> None:
    path = tmp_path / "out.bin"
    if not missing:
        path.touch()
    with pytest.raises(ZkdpsError), mapped(0, "write", path):
        engine.call(Request("echo", (1,), writes=(path,)))


EXCEPTIONS = sorted(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type)
    and issubclass(value, Exception)
    and not issubclass(value, (Warning, UnicodeError, BaseExceptionGroup))
)


def test_the_map_of_exceptions_is_complete(engine: Engine) -> None:
    for name in [*EXCEPTIONS, "PanicException", "SystemExit", "GeneratorExit"]:
        with pytest.raises(ZkdpsError) as caught, mapped(4, "step", "here"):
            engine.call(ask("fail", name, "because"))
        kind = {"PanicException": ProverPanicked, "MemoryError": ProverKilled}
        assert type(caught.value) is kind.get(name, ProverFailed), name
        told = str(caught.value)
        assert "because" in told or name in told or name == "MemoryError", name


def test_every_worker_error_has_an_error() -> None:
    assert isinstance(error_of(WorkerTimedOut(2.0), 1, "prove", ""), ProverTimedOut)
    assert isinstance(error_of(WorkerKilled(9, 5, ""), 1, "prove", ""), ProverKilled)
    full = WorkerFailure("builtins.RuntimeError", "io: No space left (os error 28)", 28, None)
    storage = error_of(full, 1, "prove", "/somewhere")
    assert isinstance(storage, StorageFailed)
    assert storage.path == "/somewhere"


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    made = Runner(Limits(timeout_s=60))
    yield made
    made.engine.close()


def test_ezkl_exposes_no_exception_of_its_own(runner: Runner) -> None:
    # A panic is the only class that is not a builtin; a new one would need a line in the map.
    script = "import ezkl; print([n for n in dir(ezkl) if isinstance(getattr(ezkl, n), type)])"
    names = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert b"Error" not in names
    assert b"Exception" not in names


def test_real_failures_of_every_call_are_ours(runner: Runner, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    calls: list[Callable[[], object]] = [
        lambda: runner.compile(1, nowhere, nowhere, nowhere),
        lambda: runner.setup(1, nowhere, nowhere, nowhere, nowhere),
        lambda: runner.gen_witness(1, nowhere, nowhere, nowhere),
        lambda: runner.prove(1, nowhere, nowhere, nowhere, nowhere, nowhere),
        lambda: runner.verify(1, nowhere, nowhere, nowhere, nowhere),
        lambda: runner.kzg_commit(1, ["zz"], nowhere, nowhere, nowhere),
    ]
    for call in calls:
        with pytest.raises(ZkdpsError):
            call()


def test_a_real_panic_is_told(runner: Runner) -> None:
    with pytest.raises(ProverPanicked, match="hash panicked"):
        runner.poseidon_hash(1, ["not a scalar"])
    good = (5).to_bytes(32, "little").hex()
    assert len(runner.poseidon_hash(1, [good])) == 64
