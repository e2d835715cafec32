"""Check once, before any trial is started, the files that the trials of a study read.

check_inputs([config, ...], say=print)

A single run is refused for the same faults; nothing here loads TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from dcgan_sweeps.config import Config, Conflict, RequestError, require_none
from dcgan_sweeps.datasets.images import load_images
from dcgan_sweeps.execution.components import choose_rows
from dcgan_sweeps.scoring.identity import read_arrays

Say = Callable[[str], None]


def check_inputs(configs: Sequence[Config], say: Say) -> None:
    """Raise RequestError with every fault that would keep a run of one of these from its start.

    Values that conflict with others in some trials alone are each trial's own matter.
    """
    errors: list[RequestError] = []
    for folder in {each.score.classifier: None for each in configs if each.score.name != "none"}:
        with _keeping(errors):
            read_arrays(folder)
    alike: dict[object, list[Config]] = {}
    for each in configs:
        alike.setdefault((each.data.name, each.data.dir, each.data.count), []).append(each)
    for of_one_data_set in alike.values():
        with _keeping(errors):
            images = load_images(of_one_data_set[0].data, say)
            for config in of_one_data_set:
                with _keeping(errors):
                    choose_rows(config, images)
    found = [fault for error in errors for fault in error.faults]
    faults = {str(fault): fault for fault in found if not isinstance(fault, Conflict)}
    require_none(list(faults.values()))
    if len(errors) == len(configs):  # no trial could be
        raise errors[0]


@contextmanager
def _keeping(errors: list[RequestError]) -> Iterator[None]:
    try:
        yield
    except RequestError as error:
        errors.append(error)
