"""How much of the score each parameter of a study decides.

compute_importances(study, seed=0)["optimizer.lr"]
"""

from __future__ import annotations

import math

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState


def compute_importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return {parameter: share of the score's variance}, by fANOVA over the complete trials.

    Hutter et al. 2014, https://proceedings.mlr.press/v32/hutter14.html. Empty where fewer than four
    trials say anything, or none of them differs.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = {each.value for each in complete}
    if len(values) < 4 or math.inf in values or not complete[0].params:
        return {}
    try:
        return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed)))
    except (RuntimeError, ValueError):  # no parameter that all of them have
        return {}
