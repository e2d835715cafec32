"""Names the images of a run's series among its MLflow artifacts, in the form that the UI reads.

name_image(run_id, "samples", step=3, time_ms=run.info.start_time)
"""

from __future__ import annotations

import re
import uuid

IMAGE_FILE = re.compile(
    r"images/(?P<key>[^+]+)\+step\+(?P<step>\d+)\+.+?(?P<small>\+compressed)?\.\w+"
)


def name_image(run_id: str, key: str, step: int, time_ms: int) -> str:
    """Return the file name of an image in a series, without its suffix.

    It has the form of MLflow's log_image but does not vary, so an image that is delivered again
    replaces the earlier one.
    """
    unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{run_id}/{key}/{step}")
    return f"{key}+step+{step}+timestamp+{time_ms + step}+{unique}"
