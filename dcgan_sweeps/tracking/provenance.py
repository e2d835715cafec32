"""Records the provenance of a run: its code, packages and machine."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

import psutil

from dcgan_sweeps.config.faults import Fault, require_none
from dcgan_sweeps.config.fields import describe_allowed, is_allowed
from dcgan_sweeps.config.parts import KINDS, find_origin, list_names
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.logged_config import rename_logged
from dcgan_sweeps.secrets import mask_secrets

ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "PYTHONHASHSEED",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)
LARGEST_DIFF = 1_000_000  # bytes


@dataclass(frozen=True)
class Facts:
    """The types of the facts in a provenance, for checking them when they are read."""

    command: str
    config_hash: str
    commit: Optional[str]
    dirty: bool
    diff_sha256: str
    machine: dict[str, Any]
    packages: list[str]
    device: dict[str, Any]
    data: dict[str, Any]
    score_identity: str
    environment: dict[str, Any]
    parts: dict[str, Any]


@dataclass(frozen=True)
class DeviceFacts:
    """The types of the facts about the device, none of which may be missing."""

    kind: str
    precision: str
    jit: bool
    threads: int
    deterministic: bool


@dataclass(frozen=True)
class Code:
    """The state of the source tree that ran; `commit` is None outside a git checkout."""

    commit: str | None
    diff: str  # uncommitted changes; files that are left out are named in its first lines

    @property
    def dirty(self) -> bool:
        return bool(self.diff)

    @property
    def diff_sha256(self) -> str:
        return hashlib.sha256(self.diff.encode()).hexdigest()


def find_tree() -> Path:
    """Return the folder that contains the package; in a git checkout it has pyproject.toml."""
    return Path(__file__).resolve().parents[2]


def read_code() -> Code:
    """Return the commit of this package's checkout, and its uncommitted changes.

    Binary and untracked files are only named. A diff longer than LARGEST_DIFF is cut, and anything
    that looks like a secret is masked; the first line then says so, and the diff cannot be applied.
    """
    tree = find_tree()
    commit = _git(tree, "rev-parse", "HEAD")
    if commit is None or not (tree / "pyproject.toml").is_file():
        return Code(None, "")
    counts = _git(tree, "diff", "HEAD", "--numstat", "--no-renames") or ""
    rows = [line.split("\t") for line in counts.splitlines()]
    binary = [name for added, _, name in rows if added == "-"]
    untracked = (_git(tree, "ls-files", "--others", "--exclude-standard") or "").splitlines()
    notes = [f"# binary, not in here: {name}\n" for name in binary]
    notes += [f"# untracked, not in here: {name}\n" for name in untracked]
    without = [f":(exclude,literal){name}" for name in binary]
    words = ["--no-ext-diff", "--no-color", "--no-renames", "--", ".", *without]
    diff = "".join(notes) + (_git(tree, "diff", "HEAD", *words) or "")
    if len(diff) > LARGEST_DIFF:
        diff = f"# cut: {len(diff)} characters in all\n" + diff[:LARGEST_DIFF]
    masked = mask_secrets(diff)
    if masked != diff:
        masked = "# masked: parts that look like secrets\n" + masked
    return Code(commit.strip(), masked)


def _git(tree: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(tree), *words], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


@cache
def list_packages() -> list[str]:
    """Return name==version of every installed package, sorted; the result is cached."""
    names = {each.metadata["Name"]: each.version for each in metadata.distributions()}
    return sorted(f"{name}=={version}" for name, version in names.items())


def describe_machine() -> dict[str, Any]:
    """Return the facts about this machine, such as its processor, GPU driver and memory."""
    model, flags = _read_cpu()
    return {
        "os": platform.platform(),
        "python": platform.python_version(),
        "cpu": model,
        "cpu_flags": flags,
        "cores": os.cpu_count(),
        "gpu_driver": _read_gpu_driver(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _read_gpu_driver() -> str | None:
    version = Path("/proc/driver/nvidia/version")
    return version.read_text().splitlines()[0] if version.is_file() else None


def _read_cpu() -> tuple[str, list[str]]:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return platform.processor(), []
    lines = [line.partition(":") for line in cpuinfo.read_text().split("\n\n")[0].splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in lines}
    flags = fields.get("flags", "").split()
    vector = [flag for flag in flags if flag.startswith(("avx", "amx", "fma", "sse4"))]
    return fields.get("model name", platform.processor()), vector


def describe_parts(config: Config) -> dict[str, dict[str, str]]:
    """Return the parts of a configuration that other packages bring: "model=NAME" and its source.

    Each has the name and version of its package, and the SHA-256 over its sources.
    """
    described = {}
    for group in KINDS:
        name = getattr(config, group).name
        origin = find_origin(group, name)
        if origin is not None:
            described[f"{group}={name}"] = {
                "package": origin.package,
                "version": origin.version,
                "sha256": hash_sources(origin.folder),
            }
    return described


def hash_sources(folder: Path) -> str:
    """Return the SHA-256 over the names and contents of a package's Python and YAML files."""
    sha256 = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            sha256.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
            sha256.update(path.read_bytes())
    return sha256.hexdigest()


def require_parts(facts: Mapping[str, Any]) -> None:
    """Raise RequestError for each part of a logged run whose package is not installed."""
    faults = []
    for part, source in facts.get("parts", {}).items():
        group, _, name = part.partition("=")
        if group in KINDS and name not in list_names(group):
            wanted = f"{source.get('package')}=={source.get('version')}"
            problem = f"was logged as {name} of a package that is not installed; install {wanted}"
            faults.append(Fault(f"{group}.name", problem))
    require_none(faults)


def read_environment() -> dict[str, str]:
    """Return the environment variables that are set and can change the results of a run."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def read_command() -> str:
    """Return the command line."""
    return shlex.join([Path(sys.executable).name, *sys.argv])


def check_facts(facts: Mapping[str, Any], name: str) -> None:
    """Raise RequestError, naming the file and each fact, for facts of a wrong type.

    A missing fact is allowed, except for those about the device.
    """
    faults = _find_wrong(rename_logged(facts), Facts, name)
    device = facts.get("device")
    if isinstance(device, dict):
        missing = {each.name for each in fields(DeviceFacts)} - device.keys()
        faults += [Fault(name, f"device.{fact} is missing") for fact in missing]
        faults += _find_wrong(device, DeviceFacts, name, "device.")
    if not faults and not all(isinstance(each, str) for each in facts.get("packages", ())):
        faults.append(Fault(name, "packages has an item that is not text"))
    require_none(sorted(faults, key=str))


def _find_wrong(facts: Mapping[str, Any], schema: Any, name: str, prefix: str = "") -> list[Fault]:
    return [
        Fault(name, f"{prefix}{leaf.name} is {got!r:.40}; allowed: {describe_allowed(leaf)}")
        for leaf in fields(schema)
        if not is_allowed(got := facts.get(leaf.name), leaf) and leaf.name in facts
    ]
