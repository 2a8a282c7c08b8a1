"""Every command and every Python block in the documents runs, and prints what is shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Demo
from tests.docs.blocks import (
    ROOT,
    SHARED_COMMAND,
    Command,
    blocks,
    commands,
    documents,
    missing_lines,
)

pytestmark = pytest.mark.slow

RUNNABLE = [
    path
    for path in documents()
    if any(block.kind in ("console", "python") for block in blocks(path.read_text()))
]


@dataclass(frozen=True)
class Shell:
    """Runs commands as a reader would, with an account of its own."""

    shared: Demo

    def run(self, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments,
            cwd=folder,
            env=self.shared.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
        if text != SHARED_COMMAND:
            return self.run(["bash", "-c", text], folder)
        # Files of zkdps are replaced, never written in place, so links are as good as copies.
        shutil.copytree(self.shared.folder, folder / "demo", copy_function=os.link)
        return self.shared.done


@pytest.fixture(scope="session")
def shell(digits_demo: Demo) -> Shell:
    return Shell(digits_demo)


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run(path: Path, shell: Shell, tmp_path: Path) -> None:
    for block in blocks(path.read_text()):
        where = f"{path.relative_to(ROOT)}:{block.line}"
        if block.kind == "python":
            done = shell.run([sys.executable, "-c", block.body], tmp_path)
            assert done.returncode == block.exit_code, f"{where}\n{done.stdout}\n{done.stderr}"
        elif block.kind == "console":
            for command in commands(block):
                done = shell.command(command.text, tmp_path)
                _compare(command, done, block.exit_code, where)


def _compare(
    command: Command, done: subprocess.CompletedProcess[str], exit_code: int, where: str
) -> None:
    said = f"{where}: $ {command.text}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == exit_code, f"exit code {done.returncode}, not {exit_code}: {said}"
    missing = missing_lines(command.shown, f"{done.stdout}\n{done.stderr}")
    assert not missing, f"not printed (in this order): {missing}\n{said}"
