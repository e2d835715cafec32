"""Makes sure that verified Fashion-MNIST is on this machine: `python -m dcgan_sweeps.data`."""

from __future__ import annotations

import sys

from dcgan_sweeps.command import (
    DONE,
    INTERRUPTED,
    REQUEST_WAS_WRONG,
    Parser,
    begin,
)
from dcgan_sweeps.config import RequestError
from dcgan_sweeps.data.images import read_fashion_mnist
from dcgan_sweeps.data.sources import fetch, find_source


def main() -> int:
    Parser("dcgan_sweeps.data", description=__doc__).parse_args()
    begin()
    try:
        images = read_fashion_mnist(find_source(None) or fetch(print))
    except RequestError as error:
        print(error, file=sys.stderr)
        return REQUEST_WAS_WRONG
    except KeyboardInterrupt:
        print("interrupted; what was fetched so far is not kept", file=sys.stderr)
        return INTERRUPTED
    print(f"data: Fashion-MNIST, verified, from {images.source}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
