"""``python -m hfx`` is the command ``hfx``."""

from hfx.driver.cli.main import main

if __name__ == "__main__":
    main()
