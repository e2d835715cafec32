"""Stores the trials of a study in a database, and waits for one that is restarted.

storage = outlast(lambda: DatabaseStorage(url, say), say)
"""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from dcgan_sweeps.tracking.inspection import find_reason

T = TypeVar("T")
Say = Callable[[str], None]
OUTAGE_S = 30.0  # how long a database may be away
PAUSE_S = 1.0
OUTAGES = (OperationalError, InterfaceError, TimeoutError)
CREATION = "creation"  # attribute of a trial: tells whether a lost answer was to its creation
# Without them, a connection to a host that is gone would wait for hours.
KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
# What can be done twice, with Optuna's private methods that its cache calls.
REPEATABLE = (
    BaseStorage.__abstractmethods__ | {"_set_trial_param", "_get_trials", "_get_best_trial_id"}
) - {"create_new_study", "delete_study", "create_new_trial", "set_trial_state_values"}


def outlast(work: Callable[[], T], say: Say) -> T:
    """Return the result of `work`, which is repeated while a database does not answer.

    Raises the error of the database after OUTAGE_S.
    """
    until, has_said = time.monotonic() + OUTAGE_S, False
    while True:
        try:
            result = work()
        except Exception as error:
            cause = _find_outage(error)
            if cause is None or time.monotonic() > until:
                raise
            if not has_said:
                reason = find_reason(cause)
                say(f"the trials' storage fails, trying again for {OUTAGE_S:.0f} s: {reason}")
                has_said = True
            time.sleep(PAUSE_S)
        else:
            if has_said:
                say("the trials' storage answers again")
            return result


def _find_outage(error: BaseException | None) -> BaseException | None:
    """Return the error of a database among the causes of an error, None where there is none."""
    while error is not None and not isinstance(error, OUTAGES):
        error = error.__cause__
    return error


class DatabaseStorage(RDBStorage):
    """Optuna's storage in a database; each call is repeated while the database is away.

    A call whose answer is lost with the connection may have taken effect. So a repeated call looks
    whether the trial that it would create or finish is there, and no trial is created twice.
    """

    def __init__(self, url: str, say: Say):
        super().__init__(url, engine_kwargs=_choose_options(sqlalchemy.make_url(url)))
        self._say = say
        self._begun = ""  # the mark of the trial that is being created

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        template = template_trial or create_trial(state=TrialState.RUNNING)
        template.system_attrs = {**template.system_attrs, CREATION: uuid.uuid4().hex}
        create = functools.partial(super()._create_new_trial, study_id, template)
        return outlast(create, self._say)

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Session
    ) -> models.TrialModel:
        mark = "" if template_trial is None else template_trial.system_attrs[CREATION]
        found = _find_created(session, study_id, mark) if mark == self._begun else None
        self._begun = mark
        return found or super()._get_prepared_new_trial(study_id, template_trial, session)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        is_repeated = False

        def write() -> bool:
            nonlocal is_repeated
            if is_repeated and self.get_trial(trial_id).state == state:
                return True
            is_repeated = True
            return RDBStorage.set_trial_state_values(self, trial_id, state, values)

        return outlast(write, self._say)


def _find_created(session: Session, study_id: int, mark: str) -> models.TrialModel | None:
    """Return the trial that an earlier call with this mark has created."""
    attribute = models.TrialSystemAttributeModel
    found = session.query(models.TrialModel).join(attribute)
    found = found.filter(models.TrialModel.study_id == study_id, attribute.key == CREATION)
    return found.filter(attribute.value_json == f'"{mark}"').one_or_none()


def _choose_options(url: sqlalchemy.URL) -> dict[str, Any]:
    """Return the options of an engine that keeps one connection, and notices when it is gone."""
    is_known = url.get_driver_name().startswith("psycopg")
    options = {key: value for key, value in KEEPALIVES.items() if key not in url.query}
    return {"pool_size": 1, "pool_pre_ping": True, "connect_args": options if is_known else {}}


def _repeat(name: str) -> Callable[..., Any]:
    method = getattr(RDBStorage, name)

    @functools.wraps(method)
    def call(self: DatabaseStorage, *arguments: Any, **named: Any) -> Any:
        return outlast(lambda: method(self, *arguments, **named), self._say)

    return call


for _name in REPEATABLE:
    setattr(DatabaseStorage, _name, _repeat(_name))
