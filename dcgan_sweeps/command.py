"""Runs a Hydra command line, and reports every fault of a request at once with exit status 2.

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
    compose_line,
    compose_with_choices,
    expand_files,
    finding_faults,
    list_choices,
    open_hydra,
    read_arguments,
    read_line,
)
from dcgan_sweeps.composition.grammar import find_key
from dcgan_sweeps.composition.keys import describe_error
from dcgan_sweeps.config.compose import SCHEMAS, find_conf_dir, register_schemas
from dcgan_sweeps.config.faults import Fault, RequestError, refuse, require_none
from dcgan_sweeps.config.nodes import freeze
from dcgan_sweeps.interrupt import leave_closed_terminal, list_stops
from dcgan_sweeps.paths import resolve_places, shorten_path
from dcgan_sweeps.place import VARIABLES, read_variable
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.terminal import make_console, make_say, show_line
from dcgan_sweeps.tracking.courier import exit_without_waiting

OK, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130
GARBAGE = 10_000  # new objects between two garbage collections; Python's default is 700
MOST_SHOWN = 20  # faults that are listed; the others are counted
LONGEST_LINE = 1000  # characters of a fault
HELP_WIDTH = 79  # characters; argparse wraps neither description nor epilog of a Parser
LONGEST_MASKED = 4000  # characters that are searched for secrets; the rest is not printed


@dataclass(frozen=True)
class Request:
    """A checked configuration, with the overrides and group choices that it was composed from."""

    config: Any
    overrides: tuple[str, ...]
    choices: dict[str, str]


# Overrides that configure a study and not its runs.
OF_THE_STUDY = ("search=", "sampler=", "pruner=")
# Overrides that need -m, in addition to a search.
STUDY_KEYS = (
    "hydra.sweeper",
    "hydra.launcher",
    "hydra/sweeper",
    "hydra/launcher",
    "sampler",
    "pruner",
)


class RunFailed(Exception):
    """One of several runs failed, and there is no study that would continue with the others."""


class WorkFailed(Exception):
    """The operating system refused something after work was started; the message says what."""


class StudyEnded(Exception):
    """Carries the exit status of a study through Hydra, which cannot return it."""

    def __init__(self, status: int):
        super().__init__(f"exit status {status}")
        self.status = status


Job = Callable[[DictConfig], Any]


def run_command(config_name: str, work: Callable[[Request], int], job: Job | None = None) -> int:
    """Compose the request in sys.argv, pass it to `work`, and return the exit status.

    With -m, Hydra's sweeper passes each composed configuration to `job`, if there is one. `job`
    is a module-level function, because some launchers pickle it.
    """
    # Otherwise Hydra would print a compact message and exit with 1; we report faults ourselves.
    os.environ["HYDRA_FULL_ERROR"] = "1"

    interrupted = "interrupted before anything was started"
    return answer(lambda: _run_hydra(config_name, work, job), interrupted)


def print_faults(lines: Sequence[str]) -> int:
    """Print one line for each fault of a wrong request, at most twenty, and return exit status 2.

    Passwords are masked, control characters are escaped, and long lines are cut.
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
        """Print the fault in one line, and exit with status 2."""
        sys.exit(print_faults([f"{message.removeprefix('argument ')} (see --help)"]))


def _fill(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), HELP_WIDTH, break_on_hyphens=False)


def describe_refusal(error: OSError) -> str:
    """Return one line that says which path the operating system refused, and why."""
    reason = error.strerror or str(error) or type(error).__name__
    places = [
        shorten_path(str(each)) for each in (error.filename, error.filename2) if each is not None
    ]
    return " ".join(": ".join([*places, reason]).split())


@contextlib.contextmanager
def started() -> Iterator[None]:
    """Raise WorkFailed for an OSError in this context, where work has already been started."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WorkFailed(describe_refusal(error)) from error


def answer(work: Callable[[], int], interrupted: str) -> int:
    """Do the work of a verb and return its exit status, also for a wrong request and for Ctrl-C.

    `interrupted` is the message that Ctrl-C prints.
    """
    begin()
    say = make_say(make_console(sys.stderr))
    try:
        return exit_without_waiting(work())
    except RequestError as error:
        return print_faults([*map(str, error.faults)])
    except (RunFailed, WorkFailed) as error:
        say(str(error))
        return FAILURE
    except BrokenPipeError:  # the reader of the output has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at exit
        return FAILURE
    except OSError as error:
        say(f"{describe_refusal(error)}; nothing was started")
        return USAGE
    except KeyboardInterrupt:
        say(interrupted)
        return INTERRUPTED


def begin() -> None:
    """Prepare this process: SIGTERM and SIGHUP end it as Ctrl-C does, and it collects less garbage.

    The modules that a command imports stay in memory until it ends. Searching them for garbage
    took a third of a command's start-up time, and one more second at exit.
    """
    for number in list_stops()[1:]:
        signal.signal(number, _interrupt)
    for key, variable in VARIABLES.items():
        if read_variable(key) is None:
            os.environ.pop(variable, None)  # it is blank, and the configuration would accept that
    sys.argv[1:] = map(read_bytes, sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for names it cannot encode
    os.environ["MPLBACKEND"] = "agg"  # images go to files; the user's setting may not be valid
    gc.set_threshold(GARBAGE)
    atexit.register(gc.freeze)


def read_bytes(word: str) -> str:
    """Return an argument as UTF-8 where Python could not decode it, as in the C locale.

    Bytes that are not UTF-8 are escaped, because no store accepts them.
    """
    if re.search("[\udc80-\udcff]", word) is None:
        return word
    return word.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _interrupt(signum: int, frame: object) -> NoReturn:
    if signum == signal.SIGHUP:
        leave_closed_terminal()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the kernel and the shell both send it
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
            mode, composed = compose_line(asked, line)
            if mode is RunMode.MULTIRUN and job is None:
                problem = "this command has no sweeps; start each run separately"
                raise refuse("-m", problem)
            shows = asked.help or asked.cfg is not None or asked.info is not None
            if mode is RunMode.MULTIRUN and job is not None and not shows:
                return _sweep(app, line, job)
            request = None if shows else _check_run(line, composed, config_name)
    if request is not None:
        return work(request)
    asked.overrides = list(line.words)
    return _show(asked, config_name)


def _show(asked: argparse.Namespace, config_name: str) -> int:
    """Print Hydra's help, configuration or shell completion, and return the exit status."""
    try:
        show_by_hydra(asked, get_args_parser(), freeze, str(find_conf_dir()), config_name)
    except SystemExit as ended:
        # Hydra exits with 1 for every wrong request, such as an unknown --package.
        raise SystemExit(USAGE if ended.code == 1 else ended.code) from ended
    except HydraException as error:  # it cannot read the line to be completed
        raise refuse("request", describe_error(error)) from error
    return OK


def _sweep(app: Hydra, line: CommandLine, job: Job) -> int:
    try:
        app.multirun(line.config_name, job, [*line.words, "hydra.mode=MULTIRUN"])
    except StudyEnded as ended:
        return ended.status
    return OK


def _check_run(line: CommandLine, composed: DictConfig, config_name: str) -> Request:
    """Return the request of one run; raises RequestError."""
    _refuse_words_of_a_study(line.words)
    HydraConfig.instance().set_config(composed)  # resolves ${hydra:...}
    try:
        with open_dict(composed):
            del composed["hydra"]
        request = read_request(composed, config_name)
    finally:
        HydraConfig.instance().cfg = None
    return _refuse_search(request)


def compose_run(words: Sequence[str]) -> Request:
    """Return the request of one run from its overrides; raises RequestError.

    This is for use outside of a command; Hydra's own keys are not read.
    """
    register_schemas()
    _refuse_words_of_a_study(words)
    config, choices = compose_with_choices("config", words)
    return _refuse_search(Request(config, tuple(words), choices))


def _refuse_words_of_a_study(words: Sequence[str]) -> None:
    of_a_study = [word for word in words if find_key(word).startswith(STUDY_KEYS)]
    require_none([Fault(word, "applies to a study; add -m") for word in of_a_study])


def _refuse_search(request: Request) -> Request:
    search = request.choices.get("search", "none")
    if search != "none":
        raise refuse("search", f"got {search}; a search needs -m")
    return request


def read_request(composed: DictConfig, config_name: str) -> Request:
    """Return the checked request of a configuration that Hydra composed; raises RequestError."""
    runtime = HydraConfig.get()
    config = freeze(composed)
    if not isinstance(config, SCHEMAS[config_name][1]):
        problem = f"got {runtime.job.config_name}; allowed: {config_name}"
        raise refuse("--config-name", problem)
    choices = list_choices(runtime.runtime.choices)
    words = [word for word in runtime.overrides.task if not word.startswith(OF_THE_STUDY)]
    # Not resolved: Hydra does not escape ${...} in a path.
    written: Any = OmegaConf.to_container(HydraConfig.instance().cfg, resolve=False)
    folder = Path(written["hydra"]["runtime"]["cwd"])
    return Request(resolve_places(config, folder), tuple(words), choices)
