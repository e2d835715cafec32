"""Names of a run's image series among its MLflow artifacts, as the UI reads them.

name_image(run_id, "samples", step=3, time_ms=run.info.start_time)
"""

from __future__ import annotations

import re
import uuid

IMAGE_FILE = re.compile(
    r"images/(?P<key>[^+]+)\+step\+(?P<step>\d+)\+.+?(?P<small>\+compressed)?\.\w+"
)


def name_image(run_id: str, key: str, step: int, time_ms: int) -> str:
    """Return the name of an image of a series, without its ending.

    It is the form of MLflow's log_image, but the same each time: an image that is delivered again
    replaces the one that was.
    """
    unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{run_id}/{key}/{step}")
    return f"{key}+step+{step}+timestamp+{time_ms + step}+{unique}"
