"""Check once, before any trial is started, the files that the trials of a study read.

check_inputs([config, ...], say=print)

A single run is refused for the same faults; nothing here loads TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from dcgan_sweeps.config import Config, Conflict, Fault, RequestError
from dcgan_sweeps.datasets.images import Images, load_images
from dcgan_sweeps.execution.components import choose_rows
from dcgan_sweeps.scoring.identity import read_arrays

Say = Callable[[str], None]


def check_inputs(configs: Sequence[Config], say: Say) -> None:
    """Raise RequestError with every fault that would keep a run of one of these from its start.

    Values that conflict with others in some trials alone are each trial's own matter.
    """
    images: dict[object, Images | RequestError] = {}
    classifiers = {each.score.classifier: None for each in configs if each.score.name != "none"}
    checks: list[Callable[[], object]] = [partial(read_arrays, each) for each in classifiers]
    checks += [partial(_check_images, each, images, say) for each in configs]
    faults: dict[str, Fault] = {}
    conflicts: list[RequestError] = []
    for check in checks:
        try:
            check()
        except RequestError as error:
            found = [fault for fault in error.faults if not isinstance(fault, Conflict)]
            faults |= {str(fault): fault for fault in found}
            conflicts += [] if found else [error]
    if faults:
        raise RequestError(list(faults.values()))
    if len(conflicts) == len(configs):  # no trial could be
        raise conflicts[0]


def _check_images(config: Config, images: dict[object, Images | RequestError], say: Say) -> None:
    choose_rows(config, _load(config, images, say))


def _load(config: Config, images: dict[object, Images | RequestError], say: Say) -> Images:
    """Return the images of a configuration, read once for all that have the same."""
    key = (config.data.name, config.data.dir, config.data.count)
    if key not in images:
        images.clear()  # one data set at a time is in memory
        try:
            images[key] = load_images(config.data, say)
        except RequestError as error:
            images[key] = error
    found = images[key]
    if isinstance(found, RequestError):
        raise found
    return found
