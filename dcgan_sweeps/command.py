"""One command line under Hydra: every fault of a request reported at once, with exit status 2.

    sys.exit(run_command("config", Config, work))  # work(request) -> exit status

`--help`, `--cfg`, `--info` and shell completion are Hydra's own.
"""

from __future__ import annotations

import argparse
import atexit
import difflib
import gc
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.config import (
    SCHEMAS,
    Fault,
    RequestError,
    compose,
    describe_allowed,
    find_conf_dir,
    freeze,
    register_schemas,
    walk,
)
from dcgan_sweeps.terminal import show_controls
from dcgan_sweeps.tracking.secrets import mask_secrets

DONE, ANSWER_IS_NO, REQUEST_WAS_WRONG, INTERRUPTED = 0, 1, 2, 130
DIR, EXPERIMENT = "mlruns", "dcgan_sweeps"  # where runs are looked for
# MLflow's own variables say so where a request does not; one that is blank counts as none.
VARIABLES = {"uri": "MLFLOW_TRACKING_URI", "experiment": "MLFLOW_EXPERIMENT_NAME"}
GARBAGE = 10_000  # new objects before Python looks for garbage; its own number is 700


@dataclass(frozen=True)
class Request:
    """What was asked for: the checked configuration, and the words that asked for it."""

    config: Any
    overrides: tuple[str, ...]
    choices: dict[str, str]


# These say how a study is made; a run is asked nothing by them.
OF_THE_STUDY = ("search=", "sampler=", "pruner=")


class RunFailed(Exception):
    """One run of several did not end well, and no study keeps the others going."""


class StudyEnded(Exception):
    """A study has run under Hydra, which has no way to return its exit status."""

    def __init__(self, status: int):
        super().__init__(f"exit status {status}")
        self.status = status


Job = Callable[[DictConfig], Any]


def run_command(config_name: str, work: Callable[[Request], int], job: Job | None = None) -> int:
    """Compose what sys.argv asks for, hand it to `work`, and return the exit status.

    With -m, Hydra's sweeper hands each composed configuration to `job`, where there is one: a
    function of a module, since some launchers pickle it.
    """
    begin()
    # Hydra would print a compact message of its own and exit with 1; we report faults ourselves.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        expand_files(sys.argv)
        return _run_hydra(config_name, work, job)
    except RequestError as error:
        return report_faults(error.faults)
    except RunFailed as error:
        print(error, file=sys.stderr)
        return ANSWER_IS_NO
    except KeyboardInterrupt:
        print("interrupted before anything was started", file=sys.stderr)
        return INTERRUPTED


def report_faults(faults: Sequence[Fault]) -> int:
    """Print one line for each fault; return the exit status of a wrong request."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    print(f"{count} in the request, nothing was started:", file=sys.stderr)
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return REQUEST_WAS_WRONG


def answer(work: Callable[[], int], interrupted: str) -> int:
    """Do the work of a verb and return its exit status, that of a wrong request and of Ctrl-C too;
    `interrupted` is what is said of the latter."""
    begin()
    try:
        return work()
    except RequestError as error:
        return report_faults(error.faults)
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED


def add_place(parser: argparse.ArgumentParser) -> None:
    """Let a command say in which store it looks for runs: --dir, --uri, --experiment."""
    parser.add_argument(
        "--dir",
        type=_expand,
        action=_ChooseFolder,
        default=DIR,
        help="folder of the local store (%(default)s)",
    )
    parser.add_argument(
        "--uri",
        default=read_variable("uri"),
        help="another MLflow store, such as a server's address ($MLFLOW_TRACKING_URI)",
    )
    parser.add_argument(
        "--experiment",
        default=read_variable("experiment") or EXPERIMENT,
        help=f"of best and study:NAME ($MLFLOW_EXPERIMENT_NAME, else {EXPERIMENT})",
    )


class _ChooseFolder(argparse.Action):
    """Takes --dir, which is asked for here and now, before a store that the environment names."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        setattr(namespace, self.dest, values)
        # The very object that is the default: a --uri that was typed is another.
        if namespace.uri is parser.get_default("uri"):
            namespace.uri = None


def read_variable(key: str) -> str | None:
    """Return what the environment says of a store's uri or experiment, None where nothing."""
    return os.environ.get(VARIABLES[key], "").strip() or None


def say_variables(place: Any) -> None:
    """Say on standard error what of a place, its uri and experiment, is as the environment has
    it."""
    for key, variable in VARIABLES.items():
        value = read_variable(key)
        if value is not None and value == getattr(place, key):
            print(f"{key} from {variable}: {show_controls(mask_secrets(value))}", file=sys.stderr)


def name_variables(words: Sequence[str], tracking: Any) -> list[str]:
    """Return overrides that say what the environment decided, and these words do not: with them a
    command means the same where the environment is another."""
    named = {word.lstrip("+").partition("=")[0] for word in words}
    return [
        f"tracking.{key}={quote(getattr(tracking, key))}"
        for key in VARIABLES
        if f"tracking.{key}" not in named and read_variable(key) == getattr(tracking, key)
        if getattr(tracking, key) is not None
    ]


def name_place(folder: str, uri: str | None, experiment: str | None = None) -> list[str]:
    """Return the words of add_place that lead another command to the same runs: of the default
    place none, unless the environment names another."""
    words = [] if uri is None else [f"--uri={uri}"]
    if uri is None and (folder != DIR or read_variable("uri") is not None):
        words.append(f"--dir={folder}")
    usual = EXPERIMENT if read_variable("experiment") is None else None
    return words if experiment in (None, usual) else [*words, f"--experiment={experiment}"]


def _expand(path: str) -> str:
    # Unlike that of a Path it leaves the ~ of nobody, which is refused where a store is looked for.
    return os.path.expanduser(path)  # noqa: PTH111


def quote(value: str) -> str:
    """Return text as a value in Hydra's override grammar."""
    if re.fullmatch(r"[\w./:@%+-]*", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def compose_request(config_name: str, words: Sequence[str]) -> Any:
    """Return the configuration that `words` ask for; raises RequestError with every fault."""
    try:
        return compose(config_name, words, SCHEMAS[config_name][1])
    except (HydraException, OmegaConfBaseException) as error:
        GlobalHydra.instance().clear()
        raise RequestError(find_request_faults(config_name, words, error)) from error


def begin() -> None:
    """Let SIGTERM end this process as Ctrl-C does, and Python look less for garbage.

    What a command imports stays until its end. Searching through it, again and again, took a third
    of the time in which a command starts, and at its end a second more.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    for key, variable in VARIABLES.items():
        if read_variable(key) is None:
            os.environ.pop(variable, None)  # blank: the configuration would take it as it is
    sys.argv[1:] = map(read_bytes, sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that it cannot write is spelt
    gc.set_threshold(GARBAGE)
    atexit.register(gc.freeze)


def read_bytes(word: str) -> str:
    """Return a word whose bytes Python could not read, as in the C locale, read as UTF-8.

    Bytes that are no text are spelt out: no store takes them.
    """
    if re.search("[\udc80-\udcff]", word) is None:
        return word
    return word.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def expand_files(words: list[str]) -> None:
    """Replace every @FILE among the words of a command line by the file's lines, in place.

    Raises RequestError for a file that is not there.
    """
    for index in reversed(range(1, len(words))):
        if words[index].startswith("@"):
            path = Path(words[index][1:]).expanduser()
            if not path.is_file():
                raise RequestError([Fault(words[index], "there is no such file of overrides")])
            lines = path.read_text().splitlines()
            words[index : index + 1] = [line for line in lines if line and line[0] != "#"]


def _run_hydra(config_name: str, work: Callable[[Request], int], job: Job | None) -> int:
    requests: list[Request | RequestError] = []

    def task(composed: DictConfig) -> None:
        # An exception that crosses Hydra is printed there as well, so it is carried around it.
        try:
            request = read_request(composed, config_name)
            _refuse_search(request.choices)
            requests.append(request)
        except RequestError as error:
            requests.append(error)

    asked = get_args_parser().parse_known_args()[0]
    overrides = asked.overrides
    is_sweep = asked.multirun or "hydra.mode=MULTIRUN" in overrides
    if is_sweep and job is None:
        raise RequestError([Fault("-m", "there are no sweeps here; start each run by itself")])
    register_schemas()
    decorate = hydra.main(
        version_base="1.3", config_path=str(find_conf_dir()), config_name=config_name
    )
    try:
        decorate(job if is_sweep and job is not None else task)()
    except StudyEnded as ended:
        return ended.status
    except (RequestError, RunFailed):
        GlobalHydra.instance().clear()
        raise
    except Exception as error:
        GlobalHydra.instance().clear()
        faults = find_request_faults(config_name, overrides, error)
        if not faults:  # no request's, but ours
            raise
        raise RequestError(faults) from error
    if not requests:  # --help and its like
        return DONE
    if isinstance(requests[0], RequestError):
        raise requests[0]
    return work(requests[0])


def read_request(composed: DictConfig, config_name: str) -> Request:
    """Return what Hydra composed, checked; raises RequestError."""
    runtime = HydraConfig.get()
    config = freeze(composed)
    if not isinstance(config, SCHEMAS[config_name][1]):
        problem = f"got {runtime.job.config_name}; allowed: {config_name}"
        raise RequestError([Fault("--config-name", problem)])
    choices = {
        group: str(choice)
        for group, choice in runtime.runtime.choices.items()
        if not group.startswith("hydra/")
    }
    words = [word for word in runtime.overrides.task if not word.startswith(OF_THE_STUDY)]
    return Request(config, tuple(words), choices)


def _refuse_search(choices: Mapping[str, str]) -> None:
    if choices.get("search", "none") != "none":
        problem = f"got {choices['search']}; a search needs -m"
        raise RequestError([Fault("search", problem)])


def find_request_faults(
    config_name: str, overrides: Sequence[str], error: Exception
) -> list[Fault]:
    """Return every fault of a request that Hydra refused with `error`, at its first fault.

    Each override is composed alone, of a sweep each value, then those that are good are composed
    together, so that values out of range are found as well. Empty where nothing is wrong with them
    and `error` is none of Hydra's.
    """
    faults: list[Fault] = []
    good: list[str] = []
    with hydra.initialize_config_dir(str(find_conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        for word in expand_sweeps(overrides, loader):
            try:
                hydra.compose(config_name, [word], return_hydra_config=True)
                good.append(word)
            except Exception as alone:  # Hydra raises ValueError too
                faults.append(_describe(word, alone, config_name, loader))
        try:
            freeze(hydra.compose(config_name, good))
        except RequestError as out_of_range:
            faults.extend(out_of_range.faults)
        except (HydraException, OmegaConfBaseException):
            faults.append(Fault("request", _first_line(error)))
    if not faults and isinstance(error, (HydraException, OmegaConfBaseException)):
        return [Fault("request", _first_line(error))]
    return list(dict.fromkeys(faults))  # each value of a sweep has the fault of its key


def expand_sweeps(words: Sequence[str], loader: Any) -> list[str]:
    """Return overrides with one word for each value of a sweep, where -m is given."""
    if not get_args_parser().parse_known_args()[0].multirun:
        return list(words)
    expanded: list[str] = []
    for word in words:
        try:
            override = OverridesParser.create(config_loader=loader).parse_override(word)
            override.config_loader = loader  # glob(...) looks its group up
            is_sweep = override.is_sweep_override() and override.is_discrete_sweep()
            texts = [*map(str, override.sweep_string_iterator())] if is_sweep else []
        except (HydraException, ValueError):
            texts = []
        key = word.partition("=")[0]
        expanded += [f"{key}={text}" for text in texts] or [word]
    return expanded


def _describe(word: str, error: Exception, config_name: str, loader: Any) -> Fault:
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException as unreadable:
        problem = f"cannot be read as key=value ({_first_line(unreadable)})"
        return Fault(word, problem)
    key = override.key_or_group
    if override.is_sweep_override():
        return Fault(word, "several values need a sweep: -m")
    groups = loader.list_groups("")
    if key in groups:
        return _describe_choice(override, loader.get_group_options(key))
    _, schema = SCHEMAS[config_name]
    leaves = {name: leaf for name, _, leaf in walk(schema())}
    if key in leaves:
        got = word.partition("=")[2]
        return Fault(key, f"got {got}; allowed: {describe_allowed(leaves[key])}")
    if key.startswith("hydra"):
        return Fault(word, _first_line(error))
    return Fault(key, f"there is no such key{_nearest(key, [*leaves, *groups])}")


def _describe_choice(override: Override, options: Sequence[str]) -> Fault:
    got = override.value()
    allowed = ", ".join(options)
    key = override.key_or_group
    return Fault(key, f"got {got}; allowed: {allowed}{_nearest(str(got), options)}")


def _nearest(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    # A key given without its group: lr=1e-3.
    close = close or [each for each in names if each.split(".")[-1] == name]
    return f"; did you mean {close[0]}?" if close else ""


def _first_line(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    return str(cause).strip().partition("\n")[0]
