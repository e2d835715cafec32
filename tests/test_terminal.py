from __future__ import annotations

from dcgan_sweeps.terminal import show_controls


def test_control_characters_are_shown_and_not_obeyed():
    assert show_controls("a\x1b[1A\x9b2K\tb\né") == "a\\x1b[1A\\x9b2K\tb\né"
