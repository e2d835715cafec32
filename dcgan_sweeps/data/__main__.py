"""Makes sure that verified Fashion-MNIST is on this machine: `python -m dcgan_sweeps.data`."""

from __future__ import annotations

import argparse
import sys

from dcgan_sweeps.command import DONE, INTERRUPTED, REQUEST_WAS_WRONG, begin
from dcgan_sweeps.config import RequestError
from dcgan_sweeps.data.images import find_fashion_mnist


def main() -> int:
    argparse.ArgumentParser("dcgan_sweeps.data", description=__doc__).parse_args()
    begin()
    try:
        images = find_fashion_mnist(None, print)
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
