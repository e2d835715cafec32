"""The error of every data set."""

from __future__ import annotations

from dcgan_sweeps.config.faults import Fault, RequestError


class DataError(RequestError):
    """A file of a data set is missing or does not have the expected content.

    `place` is the file or the key at fault, `remedy` what to do about it.
    """

    def __init__(self, place: str, problem: str, remedy: str = ""):
        super().__init__([Fault(place, f"{problem}; {remedy}" if remedy else problem)])
        self.place = place
        self.problem = problem

    @property
    def what(self) -> str:
        """The error without its remedy."""
        return f"{self.place} {self.problem}"
