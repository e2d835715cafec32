"""Where a run came from: code, packages, machine; and the signature of what was asked for."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from dcgan_sweeps.tracking.secrets import mask_secrets

# Keys, or groups of keys, that cannot change what a run computes.
NOT_IN_SIGNATURE = ("tracking", "data.dir", "score.every", "score.batch_size")
ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "PYTHONHASHSEED",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)
LARGEST_DIFF = 1_000_000  # bytes


@dataclass(frozen=True)
class Code:
    """The state of the source tree that ran; `commit` is None outside a git checkout."""

    commit: str | None
    diff: str

    @property
    def dirty(self) -> bool:
        return bool(self.diff)


def sign(flat_config: Mapping[str, Any]) -> str:
    """Return the signature of {dotted key: value}: the same request has the same 16 hex digits."""
    signed = {key: value for key, value in flat_config.items() if not _left_out(key)}
    return hashlib.sha256(json.dumps(signed, sort_keys=True).encode()).hexdigest()[:16]


def _left_out(key: str) -> bool:
    return any(key == name or key.startswith(name + ".") for name in NOT_IN_SIGNATURE)


def read_code() -> Code:
    """Return the commit of this package's checkout, and what is not committed in it."""
    tree = Path(__file__).resolve().parents[2]
    commit = _git(tree, "rev-parse", "HEAD")
    if commit is None or not (tree / "pyproject.toml").is_file():
        return Code(None, "")
    diff = _git(tree, "diff", "HEAD") or ""
    untracked = _git(tree, "ls-files", "--others", "--exclude-standard") or ""
    diff += "".join(f"# untracked: {name}\n" for name in untracked.splitlines())
    if len(diff) > LARGEST_DIFF:
        diff = diff[:LARGEST_DIFF] + f"\n# cut: {len(diff)} characters in all\n"
    return Code(commit.strip(), mask_secrets(diff))


def _git(tree: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(tree), *words], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def list_packages() -> list[str]:
    """Return name==version of every installed package, sorted."""
    names = {each.metadata["Name"]: each.version for each in metadata.distributions()}
    return sorted(f"{name}=={version}" for name, version in names.items())


def describe_machine() -> dict[str, Any]:
    """Return operating system, processor, cores and memory."""
    model, flags = _read_cpu()
    return {
        "os": platform.platform(),
        "python": platform.python_version(),
        "cpu": model,
        "cpu_flags": flags,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _read_cpu() -> tuple[str, list[str]]:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return platform.processor(), []
    lines = [line.partition(":") for line in cpuinfo.read_text().split("\n\n")[0].splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in lines}
    flags = fields.get("flags", "").split()
    vector = [flag for flag in flags if flag.startswith(("avx", "amx", "fma", "sse4"))]
    return fields.get("model name", platform.processor()), vector


def read_environment() -> dict[str, str]:
    """Return the environment variables that can change a run, of those that are set."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def read_command() -> str:
    """Return the command line, secrets masked."""
    return mask_secrets(shlex.join([Path(sys.executable).name, *sys.argv]))
