"""One command line under Hydra: every fault of a request reported at once, with exit status 2.

    sys.exit(run_command("config", Config, work))  # work(request) -> exit status

`--help`, `--cfg`, `--info` and shell completion are Hydra's own.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import io
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hydra.version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra as show_by_hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_sweeps.composition.command_line import (
    CommandLine,
    compose_with_choices,
    compose_words,
    expand_files,
    finding_faults,
    list_choices,
    open_hydra,
    read_arguments,
    read_line,
    read_mode,
)
from dcgan_sweeps.composition.grammar import find_key
from dcgan_sweeps.composition.keys import describe_error
from dcgan_sweeps.config import (
    SCHEMAS,
    Fault,
    RequestError,
    find_conf_dir,
    freeze,
    refuse,
    register_schemas,
    require_none,
)
from dcgan_sweeps.paths import resolve_places, shorten_path
from dcgan_sweeps.place import VARIABLES, read_variable
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.terminal import make_console, make_say, show_line
from dcgan_sweeps.tracking.courier import exit_without_waiting

OK, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130
GARBAGE = 10_000  # new objects before Python looks for garbage; its own number is 700
MOST_SHOWN = 20  # faults; of more their count is told
LONGEST_LINE = 1000  # characters of a fault
HELP_WIDTH = 79  # characters; argparse wraps neither description nor epilog of a Parser
LONGEST_MASKED = 4000  # characters that are searched for secrets; the rest is not shown


@dataclass(frozen=True)
class Request:
    """A request: the checked configuration, and the overrides that asked for it."""

    config: Any
    overrides: tuple[str, ...]
    choices: dict[str, str]


# These say how a study is made; a run is asked nothing by them.
OF_THE_STUDY = ("search=", "sampler=", "pruner=")
# Beside a search, which needs -m too.
STUDY_KEYS = (
    "hydra.sweeper",
    "hydra.launcher",
    "hydra/sweeper",
    "hydra/launcher",
    "sampler",
    "pruner",
)


class RunFailed(Exception):
    """One run of several did not end well, and no study keeps the others going."""


class WorkFailed(Exception):
    """The system refused something after work was started; the message says what."""


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
    # Hydra would print a compact message of its own and exit with 1; we report faults ourselves.
    os.environ["HYDRA_FULL_ERROR"] = "1"

    interrupted = "interrupted before anything was started"
    return answer(lambda: _run_hydra(config_name, work, job), interrupted)


def print_faults(lines: Sequence[str]) -> int:
    """Print one line for each fault of a wrong request, at most twenty, and return its exit status.

    Passwords are masked, control characters spelt out, and a long line is cut.
    """
    count = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
    print(f"{count} in the request, nothing was started:", file=sys.stderr)
    for line in lines[:MOST_SHOWN]:
        shown = show_line(mask_secrets(line[:LONGEST_MASKED]))
        if len(shown) > LONGEST_LINE or len(line) > LONGEST_MASKED:
            shown = f"{shown[:LONGEST_LINE]} ... ({len(line)} characters)"
        print(f"  {shown}", file=sys.stderr)
    if len(lines) > MOST_SHOWN:
        print(f"  and {len(lines) - MOST_SHOWN} more", file=sys.stderr)
    return USAGE


class Parser(argparse.ArgumentParser):
    """A parser of options that reports an error as a fault of the request.

    The epilog of its help lists the example commands and then explains the exit status, as
    in "0 every run is delivered, 1 the tracker failed, 2 wrong request".
    """

    def __init__(
        self,
        prog: str,
        *,
        description: str = "",
        examples: Sequence[str] = (),
        status: str = "",
        epilog: str = "",
    ):
        parts = [_fill(epilog)]
        if examples:  # not filled: a command is copied as a line
            parts.append("\n  ".join(["examples:", *examples]))
        if status:
            parts.append(_fill(f"exit status: {status}"))
        super().__init__(
            prog,
            description=_fill(description),
            epilog="\n\n".join(filter(None, parts)),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Print the fault in one line, and end with the exit status of a wrong request."""
        sys.exit(print_faults([f"{message.removeprefix('argument ')} (see --help)"]))


def _fill(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), HELP_WIDTH, break_on_hyphens=False)


def describe_refusal(error: OSError) -> str:
    """Return in one line what the system refused, and where."""
    reason = error.strerror or str(error) or type(error).__name__
    places = [
        shorten_path(str(each)) for each in (error.filename, error.filename2) if each is not None
    ]
    return " ".join(": ".join([*places, reason]).split())


@contextlib.contextmanager
def started() -> Iterator[None]:
    """Turn what the system refuses from here on into a WorkFailed: something was started."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WorkFailed(describe_refusal(error)) from error


def answer(work: Callable[[], int], interrupted: str) -> int:
    """Do the work of a verb and return its exit status, that of a wrong request and of Ctrl-C too;
    `interrupted` is what is said of the latter."""
    begin()
    say = make_say(make_console(sys.stderr))
    try:
        return exit_without_waiting(work())
    except RequestError as error:
        return print_faults([*map(str, error.faults)])
    except (RunFailed, WorkFailed) as error:
        say(str(error))
        return FAILURE
    except BrokenPipeError:  # whoever reads wants no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed at the end
        return FAILURE
    except OSError as error:
        say(f"{describe_refusal(error)}; nothing was started")
        return USAGE
    except KeyboardInterrupt:
        say(interrupted)
        return INTERRUPTED


def begin() -> None:
    """Prepare this process: SIGTERM ends it as Ctrl-C does, and garbage is collected less often.

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
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files; another name might be no backend
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


def _run_hydra(config_name: str, work: Callable[[Request], int], job: Job | None) -> int:
    expand_files(sys.argv)
    asked = read_arguments(sys.argv[1:])
    hydra.version.setbase("1.3")
    register_schemas()
    if asked.shell_completion or asked.hydra_help:
        return _show(asked, config_name)
    with open_hydra(asked) as app:
        line = read_line(asked, config_name, app.config_loader)
        with finding_faults(line):
            mode = read_mode(asked, line)
            if mode is RunMode.MULTIRUN and job is None:
                problem = "there are no sweeps here; start each run by itself"
                raise refuse("-m", problem)
            shows = asked.help or asked.cfg is not None or asked.info is not None
            if mode is RunMode.MULTIRUN and job is not None and not shows:
                return _sweep(app, line, job)
            request = None if shows else _compose_run(line, config_name)
    if request is not None:
        return work(request)
    asked.overrides = list(line.words)
    return _show(asked, config_name)


def _show(asked: argparse.Namespace, config_name: str) -> int:
    """Print Hydra's help, its configuration or its shell completion, and return the exit status."""
    try:
        show_by_hydra(asked, get_args_parser(), freeze, str(find_conf_dir()), config_name)
    except SystemExit as ended:
        # Hydra knows 1 alone, as for a --package that is not there.
        raise SystemExit(USAGE if ended.code == 1 else ended.code) from ended
    except HydraException as error:  # a line to be completed that it cannot read
        raise refuse("request", describe_error(error)) from error
    return OK


def _sweep(app: Hydra, line: CommandLine, job: Job) -> int:
    try:
        app.multirun(line.config_name, job, [*line.words, "hydra.mode=MULTIRUN"])
    except StudyEnded as ended:
        return ended.status
    return OK


def _compose_run(line: CommandLine, config_name: str) -> Request:
    """Return the request of one run; raises RequestError."""
    _refuse_words_of_a_study(line.words)
    composed = compose_words(line, RunMode.RUN)
    HydraConfig.instance().set_config(composed)  # what ${hydra:...} is looked up in
    try:
        with open_dict(composed):
            del composed["hydra"]
        request = read_request(composed, config_name)
    finally:
        HydraConfig.instance().cfg = None
    return _refuse_search(request)


def compose_run(words: Sequence[str]) -> Request:
    """Return the request of one run that these overrides ask for; raises RequestError.

    Outside of a command: Hydra's own keys are not read.
    """
    register_schemas()
    _refuse_words_of_a_study(words)
    config, choices = compose_with_choices("config", words)
    return _refuse_search(Request(config, tuple(words), choices))


def _refuse_words_of_a_study(words: Sequence[str]) -> None:
    of_a_study = [word for word in words if find_key(word).startswith(STUDY_KEYS)]
    require_none([Fault(word, "belongs to a study; add -m") for word in of_a_study])


def _refuse_search(request: Request) -> Request:
    search = request.choices.get("search", "none")
    if search != "none":
        raise refuse("search", f"got {search}; a search needs -m")
    return request


def read_request(composed: DictConfig, config_name: str) -> Request:
    """Return the request that Hydra composed, checked; raises RequestError."""
    runtime = HydraConfig.get()
    config = freeze(composed)
    if not isinstance(config, SCHEMAS[config_name][1]):
        problem = f"got {runtime.job.config_name}; allowed: {config_name}"
        raise refuse("--config-name", problem)
    choices = list_choices(runtime.runtime.choices)
    words = [word for word in runtime.overrides.task if not word.startswith(OF_THE_STUDY)]
    # As it is: Hydra does not quote what OmegaConf would look up.
    written: Any = OmegaConf.to_container(HydraConfig.instance().cfg, resolve=False)
    folder = Path(written["hydra"]["runtime"]["cwd"])
    return Request(resolve_places(config, folder), tuple(words), choices)
