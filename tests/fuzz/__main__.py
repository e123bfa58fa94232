"""The fuzzer by hand: ``python -m tests.fuzz --target workspaces --count 80000 --seed 1``; without a target, all of them."""

import argparse
import sys
import time

from tests.fuzz.frame import names, run, serve, summary


def main() -> int:
    """Run the seeds that the command line asks for; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz hfx with seeded mutants.")
    parser.add_argument("--target", action="append", choices=names(), help="default: all, one after the other")
    parser.add_argument("--count", type=int, default=1000, help="seeds of each target")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--serve", metavar="TARGET", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.seed, given.count)
        return 0
    return max(_fuzz(name, given.seed, given.count) for name in given.target or names())


def _fuzz(name: str, first: int, count: int) -> int:
    begun = said = time.monotonic()
    report = None
    for report in run(name, first, count):
        if time.monotonic() - said > 60.0:
            said = time.monotonic()
            print(*summary(name, report, said - begun, shown=0), sep="\n", file=sys.stderr, flush=True)
    if report is None:
        return 0
    print(*summary(name, report, time.monotonic() - begun), sep="\n", flush=True)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
