"""The pallet of a run, opened and checked: one region, or all of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from hfx.driver.questions.options import ScanOptions
from hfx.driver.questions.texts.picture_texts import check_label_titles, label_titles_in
from hfx.driver.run.file_types import RunContent
from hfx.driver.run.folder import read_run
from hfx.driver.scan import plan
from hfx.driver.scan.run_context import RunContext
from hfx.errors import OptionError, PalletError, RunFolderError
from hfx.functions.choice_check import check_choice, check_measurement
from hfx.functions.model_check import check_background, check_poi
from hfx.pallets import Pallet, open_pallet
from hfx.pallets.contents import Contents, read_contents, searches
from hfx.pallets.opening import load_region
from hfx.pallets.regions import Region
from hfx.pallets.searches import Search, difference
from hfx.user_paths import expanded

__all__ = ["no_run", "open_regions", "open_source", "refusal"]


def open_source(source: str | Path | Pallet, options: ScanOptions, context: RunContext) -> Pallet:
    """The open pallet of ``options.region``; raises `PalletError`, or `OptionError` when an open one is of another region."""
    if isinstance(source, Pallet):
        if options.region not in (None, source.region):
            raise OptionError(f"the open pallet is of region {source.region}, not {options.region}; give its source")
        pallet = source
    else:
        with no_run(source):
            pallet = open_pallet(
                str(source),
                options.region,
                labels=options.labels,
                verify=options.verify,
                poi=options.question.options.poi,
                progress=context.progress,
            )
    check_choice({"": pallet}, options.question.options.model_choice)
    usable = _usable(pallet, options)
    check_poi([usable], options.question.options.model_choice)
    return usable


def open_regions(source: str | Path | Pallet, options: ScanOptions, context: RunContext) -> dict[str, Pallet]:
    """Every region by name; one nameless region is "".

    Raises `PalletError`, and `OptionError` for regions of different searches and for a selection that leaves nothing in any.
    """
    if isinstance(source, Pallet):
        raise OptionError("region 'all' needs the pallet's source, not an open pallet: it holds one region")
    with no_run(source):
        contents = read_contents(str(source), progress=context.progress)
    several = len(contents.regions) > 1
    try:
        pallets = {
            region.name if several else "": _loaded(contents, region, options, alone=several) for region in contents.regions
        }
        check_choice(
            {name: pallet for name, pallet in pallets.items() if pallet.hypotheses}, options.question.options.model_choice
        )
        pallets = {name: _usable(pallet, options) for name, pallet in pallets.items()}
        check_poi(pallets.values(), options.question.options.model_choice)
    except PalletError:
        _refuse_run(source)
        if several:  # rather that they do not belong together than what is wrong with one of them
            _check_one_search(searches(contents), source)
        raise
    # A region without patches has nothing to scan, and is no reason to leave the others out.
    for name in [name for name, pallet in pallets.items() if not pallet.hypotheses]:
        context.say(f"region {name} is left out: {'; '.join(pallets.pop(name).warnings)}")
    if several and not pallets:
        raise PalletError(f"{source}: no region has patches beside its background; give the archive that contains them")
    if several:
        _check_one_search({name: Search(pallet.labels, pallet.references) for name, pallet in pallets.items()}, source)
        # Points of regions are matched by their values: these are to stand in one order.
        labels = next(iter(pallets.values())).labels
        pallets = {name: pallet.with_labels(labels) for name, pallet in pallets.items()}
        _check_selection(pallets, options)
    return pallets


def _loaded(contents: Contents, region: Region, options: ScanOptions, *, alone: bool) -> Pallet:
    poi = options.question.options.poi
    return load_region(contents, region, labels=options.labels, verify=options.verify, alone=alone, poi=poi)


def _check_one_search(found: Mapping[str, Search], source: str | Path) -> None:
    """Raise `OptionError` for regions of different searches: their points cannot be matched."""
    if reason := difference(found):
        raise OptionError(
            f"--region all: the regions of {source} are different searches ({reason}); scan each with --region NAME, or give its "
            "own file or folder"
        )


def _check_selection(pallets: Mapping[str, Pallet], options: ScanOptions) -> None:
    refusals = [refused for pallet in pallets.values() if (refused := refusal(pallet, options)) is not None]
    if len(refusals) == len(pallets):
        raise refusals[0]


def refusal(pallet: Pallet, options: ScanOptions) -> OptionError | None:
    """The reason why the selection leaves nothing of a region. In a combination the region is then left out, without an error."""
    try:
        plan.select(pallet, options.only, options.where)
    except OptionError as error:
        return error
    return None


def _usable(pallet: Pallet, options: ScanOptions) -> Pallet:
    """The pallet, if it has the measurement asked for and its background is valid; else an error, once and not for each
    hypothesis: `OptionError` or `PalletError`."""
    choice = options.question.options.model_choice
    check_measurement(pallet, choice.measurement)
    check_background(pallet, choice)
    return _with_label_titles(pallet, options)


def _with_label_titles(pallet: Pallet, options: ScanOptions) -> Pallet:
    """The pallet with the names of labels that are given in place of its own, all of which can be drawn."""
    check_label_titles(f"the file of label titles of {pallet.name}", pallet.label_titles)
    if options.label_titles is None:
        return pallet
    return replace(pallet, label_titles={**pallet.label_titles, **label_titles_in(Path(options.label_titles))})


@contextmanager
def no_run(source: str | Path) -> Iterator[None]:
    """A `PalletError` becomes a `RunFolderError` where the source is a run's folder."""
    try:
        yield
    except PalletError:
        _refuse_run(source)
        raise


def _refuse_run(source: str | Path) -> None:
    head: RunContent | None = None
    with suppress(RunFolderError):  # a run.json that cannot be read is no run: the pallet's own error counts
        head = read_run(expanded(source))
    if head is None or "pallet" not in head:
        return
    pallet = head.get("location", "its file")
    raise RunFolderError(
        f"{source} is the folder of a run, not a pallet; give the pallet of this run, {pallet}. 'hfx attach {source}' shows or "
        f"continues the run, 'hfx plot {source}' draws it"
    ) from None
