"""The tools of the tree on machines that lack something."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEM_PACKAGES = Path(__file__).parent.parent / "tools" / "system_packages.sh"
LIBRARIES = ["libdeflate-dev", "nlohmann-json3-dev"]


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Programs of a Debian machine without packages, used by somebody who is not root."""
    program(tmp_path, "id", "echo 1000")
    program(tmp_path, "sudo", "exit 1")
    program(tmp_path, "apt-get", 'echo "apt-get $*"')
    program(tmp_path, "dpkg-query", "exit 1")
    return tmp_path


def system_packages(
    machine: Path,
    *purposes: str,
    python: Path | str = sys.executable,
    stdin: int = subprocess.DEVNULL,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SYSTEM_PACKAGES, *purposes],
        env={"PATH": f"{machine}:/usr/bin:/bin", "PYTHON": str(python)} | environment,
        stdin=stdin,
        capture_output=True,
        text=True,
    )


def installed(machine: Path, *packages: str) -> None:
    cases = " | ".join(packages)
    script = f'case "$3" in {cases}) echo "install ok installed" ;; *) exit 1 ;; esac'
    program(machine, "dpkg-query", script)


def test_missing_packages_are_named(machine: Path) -> None:
    python = program(machine, "bare-python", 'case "$2" in *ensurepip*) exit 1 ;; esac; echo none')
    result = system_packages(machine, "build", "fuzz", python=python)
    packages = " ".join(["g++", *LIBRARIES, "python3-dev", "python3-venv", "clang"])
    assert result.returncode == 1
    assert f"Missing system packages: {packages}\n" in result.stderr
    assert result.stderr.endswith(f"apt-get install {packages}\n")
    assert result.stdout == ""


def test_only_what_is_missing_is_named(machine: Path) -> None:
    installed(machine, "g++", "nlohmann-json3-dev", "python3-dev")
    result = system_packages(machine, "build")
    assert result.returncode == 1
    assert "Missing system packages: libdeflate-dev\n" in result.stderr


def test_nothing_to_do(machine: Path) -> None:
    installed(machine, "g++", *LIBRARIES, "clang")
    result = system_packages(machine, "build", "fuzz")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


INSTALLED = ["apt-get update -qq", "apt-get install -y -qq --no-install-recommends clang"]


@pytest.mark.parametrize("consent", [{"YES": "1"}, {"CI": "true"}], ids=["YES", "CI"])
def test_missing_packages_are_installed_by_root_or_through_sudo(
    machine: Path, consent: dict[str, str]
) -> None:
    program(machine, "sudo", 'case "$1" in -n) exit 0 ;; *) echo "sudo"; exec "$@" ;; esac')
    through_sudo = system_packages(machine, "fuzz", **consent)
    program(machine, "id", "echo 0")
    as_root = system_packages(machine, "fuzz", **consent)
    assert as_root.stdout.splitlines() == INSTALLED
    assert through_sudo.stdout.splitlines() == ["sudo", INSTALLED[0], "sudo", INSTALLED[1]]
    assert as_root.returncode == through_sudo.returncode == 0


@pytest.mark.parametrize("environment", [{}, {"YES": "0"}, {"CI": ""}], ids=str)
def test_nothing_is_installed_unasked(machine: Path, environment: dict[str, str]) -> None:
    program(machine, "id", "echo 0")
    result = system_packages(machine, "fuzz", **environment)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Missing system packages: clang\n" in result.stderr and "YES=1" in result.stderr


@pytest.mark.parametrize("answer", ["y", "yes", "n", ""])
def test_it_asks_at_a_terminal(machine: Path, answer: str) -> None:
    program(machine, "id", "echo 0")
    ours, terminal = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        result = system_packages(machine, "fuzz", stdin=terminal)
    finally:
        os.close(ours)
        os.close(terminal)
    question, _, rest = result.stdout.partition("? [y/N] ")
    assert question == "Install the system packages clang"
    installs = answer.startswith("y")
    assert rest.splitlines() == (INSTALLED if installs else [])
    assert result.returncode == (0 if installs else 1)


def test_unknown_purpose(machine: Path) -> None:
    assert system_packages(machine, "coffee").returncode == 2
