"""Logged runs in the order of their scores, of one identity at a time.

board = rank_runs(runs, Choice(limit=100))
board.rows[0].score, board.identity, board.varied
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.logged_config import is_hashed
from dcgan_sweeps.runs.filters import Filter, meets, refuse_unknown
from dcgan_sweeps.runs.logged_run import (
    PAGE,
    SCORE,
    LoggedRun,
    find_newest_scored,
    read_pages,
)
from dcgan_sweeps.runs.scores import choose_identity, describe_identities, read_scores
from dcgan_sweeps.scoring.noise import rank_tied
from dcgan_sweeps.tracking.folder import STUDY, TRIAL
from dcgan_sweeps.tracking.store import Client

NOT_VARIED = ("config_hash", "trial", "score.identity", "runner")
FEWEST = 100
LARGEST_PAGE = 10_000  # runs in one answer; MLflow refuses more than five times as many
MOST_NAMED = 20  # experiments in a message
LAST = ("complete", "pruned")  # what comes first on a board; then all others
Runs = Iterable[LoggedRun]


@dataclass(frozen=True)
class Choice:
    """Which runs are ranked, and by what."""

    identity: str | None = None  # by this one, or the beginning of it
    filters: Sequence[Filter] = ()
    limit: int | None = None
    unfinished: bool = False  # also those of an experiment that are not complete


@dataclass(frozen=True)
class Row:
    """One run: its rank ("1=" where it is tied, "" where it is not complete), and its scores."""

    rank: str
    run: LoggedRun
    scores: dict[str, float]  # of the board's identity; of a run that was stopped, its last
    repeats: int  # runs of the same config hash, this one included

    @property
    def score(self) -> float | None:
        return self.scores.get("fcd")

    @property
    def name(self) -> str:
        """Of a trial its study and number, else what the run was asked for."""
        tags = self.run.tags
        return f"{tags[STUDY]} {tags[TRIAL]}" if {STUDY, TRIAL} <= tags.keys() else self.run.name

    @property
    def epochs(self) -> str:
        """How many epochs the score is of, and out of how many where the run was stopped."""
        asked = self.run.params.get("train.epochs", "")
        if self.run.outcome == "complete" or self.run.scored_epoch is None:
            return asked
        return f"{self.run.scored_epoch} of {asked}"


@dataclass(frozen=True)
class Board:
    """Runs by score, best first, and what kind of score it is."""

    rows: tuple[Row, ...]
    identity: str
    description: str  # of the identity, in words; "" where no run says
    varied: tuple[str, ...]  # the parameters by which the rows differ
    left_out: str  # in words, "" where nothing was
    others: Mapping[str, str] = field(default_factory=dict)  # {identity: words} not shown here

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not on this board, in words: runs, and scores of other identities."""
        others = (f"{each} ({words})" if words else each for each, words in self.others.items())
        hints = (f"there are scores of another identity: --identity {other}" for other in others)
        return (*filter(None, [self.left_out]), *hints)


def rank_runs(runs: Sequence[LoggedRun], choice: Choice) -> Board:
    """Return the best of these runs, then those that are not complete.

    Raises RequestError where none has a score, or, naming the identities, where none of them is
    common to all and none is asked for.
    """
    refuse_unknown(choice.filters, runs)
    chosen = [run for run in runs if meets(run, choice.filters)]
    complete = [run for run in chosen if run.outcome == "complete" and read_scores(run)]
    scored = complete or [run for run in chosen if read_scores(run)]
    if not scored:
        problem = "meets these filters" if choice.filters and runs else "has a score"
        raise RequestError([Fault("TARGET", f"none of these {len(runs)} runs {problem}")])
    digest = choose_identity(scored, choice.identity)
    rivals = [run for run in complete if digest in read_scores(run)]
    rivals.sort(key=lambda run: read_scores(run)[digest]["fcd"])
    ranks = rank_tied([read_scores(run)[digest]["fcd"] for run in rivals])
    others = sorted(
        (run for run in chosen if run.outcome != "complete"),
        key=lambda run: (
            run.outcome not in LAST,
            read_scores(run).get(digest, {}).get("fcd", math.inf),
        ),
    )
    repeats = Counter(run.params.get("config_hash", "") for run in runs)
    rows = [
        Row(rank, run, read_scores(run).get(digest, {}), repeats[run.params.get("config_hash", "")])
        for rank, run in itertools.zip_longest(ranks, [*rivals, *others], fillvalue="")
        if isinstance(run, LoggedRun)
    ]
    missing = len(complete) - len(rivals)
    notes = [f"{missing} left out: no score of this identity"] if missing else []
    if choice.limit is not None and len(rows) > choice.limit:
        rows = rows[: choice.limit]
        notes.append(f"the best {choice.limit} alone are shown (--limit)")
    varied = find_varied([row.run for row in rows])
    known = describe_identities(scored)
    words = known.pop(digest)
    return Board(tuple(rows), digest, words, varied, "; ".join(notes), known)


def find_varied(runs: Sequence[LoggedRun]) -> tuple[str, ...]:
    """Return the parameters that can change a result, and are not the same in all these runs."""
    known = dict.fromkeys(key for run in runs for key in run.params)
    return tuple(
        key
        for key in known
        if is_hashed(key)
        and not key.startswith(NOT_VARIED)
        and len({run.params.get(key) for run in runs}) > 1
    )


def rank_experiment(
    client: Client, experiment: str, choice: Choice, say: Callable[[int], None]
) -> Board:
    """Return the best runs of an experiment, within the identity asked for, or that of the newest
    complete one; `say` gets how many have been read. Raises RequestError where there is none.

    Reproductions do not compete.
    """
    require_experiment(client, experiment)
    newest = find_newest_scored(client, experiment, SCORE)
    if newest is None and not choice.unfinished and choice.identity is None:
        problem = f"has no complete run with a {SCORE}; allowed: --all, or another experiment"
        raise RequestError([Fault("--experiment", f"{experiment} {problem}")])
    if choice.identity is not None or choice.unfinished or newest is None:
        filter_string = "" if choice.unfinished else "tags.outcome = 'complete'"
        every = _count(_read(client, experiment, filter_string, "start_time ASC", PAGE), say)
        return rank_runs([run for run in every if _competes(run)], choice)
    digest = newest.params["score.identity"]
    same, other = (
        f"tags.outcome = 'complete' and metrics.`{SCORE}` >= 0"
        f" and params.`score.identity` {sign} '{digest}'"
        for sign in ("=", "!=")
    )
    wanted = PAGE if choice.limit is None or choice.filters else max(choice.limit, FEWEST) + 1
    size = min(wanted, LARGEST_PAGE)
    ordered = _count(_read(client, experiment, same, f"metrics.`{SCORE}` ASC", size), say)
    runs = [*_take(ordered, choice)]
    board = rank_runs(runs, dataclasses.replace(choice, identity=digest))
    others = next(_read(client, experiment, other, "start_time DESC", 1), None)
    known = {**board.others, **(describe_identities([others]) if others else {})}
    known.pop(digest, None)
    return dataclasses.replace(board, others=known)


def require_experiment(client: Client, name: str) -> None:
    """Raise RequestError, with the names that there are, for an experiment that is not there."""
    if name.strip() and client.get_experiment_by_name(name) is not None:
        return
    names = sorted(each.name for each in client.search_experiments(max_results=MOST_NAMED))
    problem = f"got {name or 'nothing'}; there is no such experiment; there are: {', '.join(names)}"
    raise RequestError([Fault("--experiment", problem)])


def _read(
    client: Client, experiment: str, filter_string: str, order: str, size: int
) -> Iterator[LoggedRun]:
    for page in read_pages(client, experiment, filter_string, order, size):
        yield from page


def _competes(run: LoggedRun) -> bool:
    """Return whether a run is none that was done again, and not the parent of a study."""
    return "reproduces" not in run.tags and (STUDY not in run.tags or TRIAL in run.tags)


def _count(runs: Runs, say: Callable[[int], None]) -> Iterator[LoggedRun]:
    for count, run in enumerate(runs, start=1):
        say(count)
        yield run


def _take(runs: Runs, choice: Choice) -> Iterator[LoggedRun]:
    """Yield the runs that compete, until one more meets the filters than the limit allows, or
    FEWEST: repeats of a run have its score, and come next to it."""
    left = None if choice.limit is None else max(choice.limit, FEWEST) + 1
    for run in runs:
        if _competes(run):
            yield run
            left = left if left is None or not meets(run, choice.filters) else left - 1
        if left == 0:
            return
