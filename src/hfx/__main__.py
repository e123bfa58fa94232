"""``python -m hfx`` is the command ``hfx``."""

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """The entry point of the command ``hfx``."""
    try:
        from hfx.driver.cli.main import main as command
    except KeyboardInterrupt:
        print("hfx: stopped", file=sys.stderr)
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
