"""Writes the generated types of the keyword arguments of `hfx.scan`: ``python -m tests.driver.questions.record_keywords``."""

from pathlib import Path

from hfx.driver.questions import signatures
from hfx.driver.questions.catalogue import DEFAULT

__all__ = ["FILE"]

FILE = Path(signatures.__file__).with_name("scan_keywords.py")

if __name__ == "__main__":
    FILE.write_text(signatures.keywords_source(DEFAULT), encoding="utf-8")
    print(FILE)
