"""Studies in this process."""

from __future__ import annotations

import pytest
from played import Launch, Played, Studies

from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.sweep.controller import Controller


@pytest.fixture
def studies(tmp_path):
    return Studies(tmp_path)


@pytest.fixture
def play(studies):
    """Return a function that prepares a study whose trials play parts, by their numbers."""

    def prepare(*words, parts=None):
        live, view = studies.open(*words)
        launch = Launch(live, studies.compose, parts or {})
        return Played(live, launch, Controller(live, launch, view), Interrupts())

    return prepare
