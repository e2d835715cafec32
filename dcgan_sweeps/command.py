"""One command line under Hydra: every fault of a request reported at once, with exit status 2.

    sys.exit(run_command("config", Config, work))  # work(request) -> exit status

`--help`, `--cfg`, `--info` and shell completion are Hydra's own.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import dataclasses
import gc
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hydra.version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra as show_by_hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_sweeps.config import (
    SCHEMAS,
    Fault,
    RequestError,
    find_conf_dir,
    freeze,
    register_schemas,
)
from dcgan_sweeps.faults import (
    MOST_WORDS,
    Vocabulary,
    find_all_faults,
    find_composed_faults,
    find_missing_folders,
    find_word_faults,
    keep_texts,
    open_loader,
    place_faults,
    read_own,
    read_vocabulary,
)
from dcgan_sweeps.grammar import find_key, quote_text
from dcgan_sweeps.own_files import OwnFiles
from dcgan_sweeps.paths import resolve_places, show, show_path
from dcgan_sweeps.terminal import show_controls
from dcgan_sweeps.tracking.secrets import mask_secrets

DONE, ANSWER_IS_NO, REQUEST_WAS_WRONG, INTERRUPTED = 0, 1, 2, 130
DIR, EXPERIMENT = "mlruns", "dcgan_sweeps"  # where runs are looked for
# MLflow's own variables say so where a request does not; one that is blank counts as none.
VARIABLES = {"uri": "MLFLOW_TRACKING_URI", "experiment": "MLFLOW_EXPERIMENT_NAME"}
GARBAGE = 10_000  # new objects before Python looks for garbage; its own number is 700
MOST_SHOWN = 20  # faults; of more their count is told
LONGEST_LINE = 400  # characters of a fault
LONGEST_MASKED = 4000
LARGEST_FILE = 10_000_000  # bytes of a file of overrides


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
    begin()
    # Hydra would print a compact message of its own and exit with 1; we report faults ourselves.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        expand_files(sys.argv)
        return _run_hydra(config_name, work, job)
    except RequestError as error:
        return report_faults(error.faults)
    except (RunFailed, WorkFailed) as error:
        print(error, file=sys.stderr)
        return ANSWER_IS_NO
    except OSError as error:
        return report_refusal(error)
    except KeyboardInterrupt:
        print("interrupted before anything was started", file=sys.stderr)
        return INTERRUPTED


def report_faults(faults: Sequence[Fault]) -> int:
    """Print one line for each fault, at most twenty; return the exit status of a wrong request."""
    return print_faults([str(fault) for fault in faults])


def print_faults(lines: Sequence[str]) -> int:
    """Print a wrong request's faults and return its exit status; passwords are masked, and control
    characters are shown, not obeyed."""
    count = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
    print(f"{count} in the request, nothing was started:", file=sys.stderr)
    for line in lines[:MOST_SHOWN]:
        print(f"  {_show_line(line)}", file=sys.stderr)
    if len(lines) > MOST_SHOWN:
        print(f"  and {len(lines) - MOST_SHOWN} more", file=sys.stderr)
    return REQUEST_WAS_WRONG


def _show_line(line: str) -> str:
    """Return a fault as one line of a bounded length, without what a terminal would obey."""
    # Of an endless line the end is not shown: masking looks at all that may be shown.
    shown = show_controls(mask_secrets(line[:LONGEST_MASKED]))
    shown = shown.replace("\n", "\\n").replace("\t", "\\t")
    if len(line) > LONGEST_MASKED:
        return f"{shown[:LONGEST_LINE]} ... ({len(line)} characters)"
    if len(shown) <= LONGEST_LINE:
        return shown
    half = LONGEST_LINE // 2
    return f"{shown[:half]} ... {shown[-half:]} ({len(line)} characters)"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are faults of the request, as all others are."""

    def error(self, message: str) -> NoReturn:
        """Print the fault in one line, and end with the exit status of a wrong request."""
        sys.exit(print_faults([f"{message.removeprefix('argument ')} (see --help)"]))


def report_refusal(error: OSError) -> int:
    """Print what the system refused before anything was started; return the exit status."""
    if isinstance(error, BrokenPipeError):  # whoever reads wants no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed at the end
        return ANSWER_IS_NO
    print(f"{describe_refusal(error)}; nothing was started", file=sys.stderr)
    return REQUEST_WAS_WRONG


def describe_refusal(error: OSError) -> str:
    """Return in one line what the system refused, and where."""
    reason = error.strerror or str(error) or type(error).__name__
    places = [show(str(each)) for each in (error.filename, error.filename2) if each is not None]
    return mask_secrets(" ".join(f"{': '.join([*places, reason])}".split()))


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
    try:
        return work()
    except RequestError as error:
        return report_faults(error.faults)
    except WorkFailed as error:
        print(error, file=sys.stderr)
        return ANSWER_IS_NO
    except OSError as error:
        return report_refusal(error)
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
    if uri is None and (show_path(folder) != DIR or read_variable("uri") is not None):
        words.append(f"--dir={show_path(folder)}")
    usual = EXPERIMENT if read_variable("experiment") is None else None
    return words if experiment in (None, usual) else [*words, f"--experiment={experiment}"]


def _expand(path: str) -> str:
    # Unlike that of a Path it leaves the ~ of nobody, which is refused where a store is looked for.
    return os.path.expanduser(path)  # noqa: PTH111


def quote(value: str) -> str:
    """Return text as a value in Hydra's override grammar, which reads back as that text."""
    if re.fullmatch(r"[\w./:@%+-]*", value, re.ASCII):
        return value
    return quote_text(escape_lookups(value))


def escape_lookups(text: str) -> str:
    """Return text in which OmegaConf looks nothing up: ${...} has an odd number of backslashes
    before it."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def compose_request(config_name: str, words: Sequence[str]) -> Any:
    """Return the configuration that `words` ask for; raises RequestError with every fault."""
    kind = SCHEMAS[config_name][1]
    with open_loader() as loader:
        vocabulary = read_vocabulary(config_name, kind, words, loader, is_sweep=False)
        line = _read_words(config_name, words, vocabulary)
        with _finding_faults(line):
            composed = compose_words(line, RunMode.RUN)
            faults = find_composed_faults(composed, vocabulary)
            if faults:
                raise RequestError(faults)
            with open_dict(composed):
                del composed["hydra"]
            return resolve_places(freeze(composed), Path.cwd())


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

    Raises RequestError for a file that cannot be read.
    """
    for index in reversed(range(1, len(words))):
        if words[index].startswith("@"):
            lines = [line.strip() for line in _read_overrides(words[index]).splitlines()]
            words[index : index + 1] = [line for line in lines if line and line[0] != "#"]


def _read_overrides(word: str) -> str:
    """Return the text of @FILE, with or without a byte-order mark; raises RequestError."""
    try:
        path = Path(word[1:]).expanduser()
        if path.is_dir():
            raise RequestError([Fault(word, "is a folder; allowed: a file of overrides")])
        if not path.is_file():
            raise RequestError([Fault(word, "there is no such file of overrides")])
        if path.stat().st_size > LARGEST_FILE:
            problem = f"has {path.stat().st_size} bytes; allowed: at most {LARGEST_FILE}"
            raise RequestError([Fault(word, problem)])
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RequestError([Fault(word, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise RequestError([Fault(word, "is not text in UTF-8")]) from error
    except (RuntimeError, ValueError) as error:  # ~user without a home; a NUL in the name
        raise RequestError([Fault(word, f"cannot be read: {error}")]) from error
    if "\0" in text:
        raise RequestError([Fault(word, "is not text in UTF-8")])
    return text


@dataclass(frozen=True)
class CommandLine:
    """What is asked of Hydra: the primary configuration, the words, and what they may say."""

    config_name: str
    words: tuple[str, ...]
    vocabulary: Vocabulary
    own: OwnFiles


def _run_hydra(config_name: str, work: Callable[[Request], int], job: Job | None) -> int:
    asked = read_arguments(sys.argv[1:])
    hydra.version.setbase("1.3")
    register_schemas()
    if asked.shell_completion or asked.hydra_help:
        return _show(asked, config_name)
    with open_hydra(asked) as app:
        line = read_line(asked, config_name, app.config_loader)
        with _finding_faults(line):
            mode = _check(asked, line)
        if mode is RunMode.MULTIRUN and job is None:
            raise RequestError([Fault("-m", "there are no sweeps here; start each run by itself")])
        if not _shows(asked):
            line = dataclasses.replace(line, words=(*line.words, f"hydra.mode={mode.name}"))
            with _finding_faults(line):
                if mode is RunMode.MULTIRUN and job is not None:
                    return _sweep(app, line, job)
                request = _compose_run(app, line, config_name)
    if _shows(asked):
        asked.overrides = list(line.words)
        return _show(asked, config_name)
    return work(request)


def read_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return Hydra's own options and the overrides, in any order; raises RequestError."""
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        asked, unknown = parser.parse_known_intermixed_args(list(words))
    except argparse.ArgumentError as error:
        raise RequestError([Fault(error.argument_name or "request", error.message)]) from error
    faults = [Fault(word, "there is no such option; --hydra-help lists them") for word in unknown]
    if asked.experimental_rerun is not None:
        problem = "is not served: a pickle runs code; python -m dcgan_sweeps.reproduce runs again"
        faults.append(Fault("--experimental-rerun", problem))
    modes = {
        "--run": asked.run,
        "--multirun": asked.multirun,
        "--cfg": asked.cfg is not None,
        "--info": asked.info is not None,
        "--shell-completion": asked.shell_completion,
    }
    given = [name for name, is_given in modes.items() if is_given]
    if len(given) > 1:
        faults.append(Fault(" ".join(given), "got several; allowed: one of them"))
    if asked.resolve and asked.cfg is None and not asked.help:
        faults.append(Fault("--resolve", "goes with --cfg or --help alone"))
    if faults:
        raise RequestError(faults)
    if asked.config_path is not None and "://" not in asked.config_path:
        asked.config_path = str(Path(asked.config_path).expanduser().resolve())
    return asked


@contextlib.contextmanager
def open_hydra(asked: argparse.Namespace) -> Iterator[Hydra]:
    """Give a Hydra over the folders of configurations that the options name."""
    search_path = create_config_search_path(asked.config_path or str(find_conf_dir()))
    if asked.config_dir is not None:
        folder = str(Path(asked.config_dir).expanduser().resolve())
        before = SearchPathQuery(provider="schema")
        search_path.prepend(provider="command-line", path=f"file://{folder}", anchor=before)
    try:
        yield Hydra.create_main_hydra2("dcgan_sweeps", search_path)
    finally:
        GlobalHydra.instance().clear()


def read_line(asked: argparse.Namespace, config_name: str, loader: Any) -> CommandLine:
    """Return the words of a command line, each text kept as it was typed, and the user's own files
    that they choose; raises RequestError for what is wrong before anything is composed."""
    name = asked.config_name or config_name
    kind = SCHEMAS[config_name][1]
    vocabulary = read_vocabulary(name, kind, asked.overrides, loader, is_sweep=asked.multirun)
    missing = find_missing_folders(vocabulary)
    if not missing and not vocabulary.has_config(name):
        missing = [Fault("--config-name", f"got {name}; allowed: {config_name}")]
    if missing:
        raise RequestError(missing)
    return _read_words(name, asked.overrides, vocabulary)


def _read_words(name: str, words: Sequence[str], vocabulary: Vocabulary) -> CommandLine:
    if len(words) > MOST_WORDS:
        raise RequestError(find_word_faults(words, vocabulary))
    kept = keep_texts(words, vocabulary)
    own = read_own(kept, vocabulary)
    # What makes it a sweep without -m is known once it is composed.
    says_mode = {"hydra.mode"} & {*map(find_key, kept), *own.entries}
    vocabulary = dataclasses.replace(vocabulary, is_sweep=vocabulary.is_sweep or bool(says_mode))
    faults = [*own.faults, *find_word_faults(kept, vocabulary)]
    if faults:
        raise RequestError(faults)
    return CommandLine(name, tuple(kept), vocabulary, own)


@contextlib.contextmanager
def _finding_faults(line: CommandLine) -> Iterator[None]:
    """Turn what Hydra refuses into RequestError with every fault, each with its file and line."""
    try:
        yield
    except RequestError as error:
        raise RequestError(place_faults(error.faults, line.words, line.own)) from error
    except (RunFailed, StudyEnded):
        raise
    except Exception as error:  # Hydra raises ValueError too
        faults = find_all_faults(line.words, line.vocabulary, line.own, error)
        if not faults:  # no request's, but ours
            raise
        raise RequestError(faults) from error


def _check(asked: argparse.Namespace, line: CommandLine) -> RunMode:
    """Return whether one run is asked for or a sweep; raises RequestError, and what Hydra raises,
    before Hydra makes a folder."""
    # Composed as a sweep, since what is composed may say that it is one.
    composed = compose_words(line, RunMode.MULTIRUN)
    mode = _choose_mode(asked, composed.hydra.mode)
    vocabulary = dataclasses.replace(line.vocabulary, is_sweep=mode is RunMode.MULTIRUN)
    faults = find_composed_faults(composed, vocabulary)
    if mode is RunMode.RUN and line.vocabulary.is_sweep:
        faults += find_word_faults(line.words, vocabulary)
    if faults:
        raise RequestError(faults)
    return mode


def compose_words(line: CommandLine, mode: RunMode) -> DictConfig:
    """Return what Hydra composes from a command line, Hydra's own part included."""
    composed: DictConfig = line.vocabulary.loader.load_configuration(
        line.config_name, list(line.words), mode, validate_sweep_overrides=False
    )
    return composed


def _choose_mode(asked: argparse.Namespace, said: RunMode | None) -> RunMode:
    """Return what -m and hydra.mode say together; raises RequestError where they contradict."""
    flags = {"-m": RunMode.MULTIRUN, "-r": RunMode.RUN}
    for flag, is_given in (("-m", asked.multirun), ("-r", asked.run)):
        if is_given and said not in (None, flags[flag]):
            problem = f"got {said.name}; {flag} asks for {flags[flag].name}"
            raise RequestError([Fault("hydra.mode", problem)])
        if is_given:
            return flags[flag]
    return said or RunMode.RUN


def _shows(asked: argparse.Namespace) -> bool:
    return bool(asked.help or asked.cfg is not None or asked.info is not None)


def _show(asked: argparse.Namespace, config_name: str) -> int:
    """Let Hydra print its help, the configuration or what completes a word."""
    try:
        show_by_hydra(asked, get_args_parser(), freeze, str(find_conf_dir()), config_name)
    except SystemExit as ended:
        # Hydra knows 1 alone, as for a --package that is not there.
        raise SystemExit(REQUEST_WAS_WRONG if ended.code == 1 else ended.code) from ended
    return DONE


def _sweep(app: Hydra, line: CommandLine, job: Job) -> int:
    try:
        app.multirun(line.config_name, job, list(line.words))
    except StudyEnded as ended:
        return ended.status
    return DONE


def _compose_run(app: Hydra, line: CommandLine, config_name: str) -> Request:
    """Return the request of one run; raises RequestError."""
    requests: list[Request | RequestError] = []

    def task(composed: DictConfig) -> None:
        # An exception that crosses Hydra is printed there as well, so it is carried around it.
        try:
            request = read_request(composed, config_name)
            _refuse_search(request.choices)
            requests.append(request)
        except RequestError as error:
            requests.append(error)

    app.run(line.config_name, task, list(line.words))
    (request,) = requests
    if isinstance(request, RequestError):
        raise request
    return request


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
    # As it is: Hydra does not quote what OmegaConf would look up.
    written: Any = OmegaConf.to_container(HydraConfig.instance().cfg, resolve=False)
    folder = Path(written["hydra"]["runtime"]["cwd"])
    return Request(resolve_places(config, folder), tuple(words), choices)


def _refuse_search(choices: Mapping[str, str]) -> None:
    if choices.get("search", "none") != "none":
        problem = f"got {choices['search']}; a search needs -m"
        raise RequestError([Fault("search", problem)])
