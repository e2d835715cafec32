"""Studies in this process."""

from __future__ import annotations

import pytest
from played import Studies


@pytest.fixture
def studies(tmp_path):
    return Studies(tmp_path)
