"""The content of a pallet, and the result of its verification, as text for a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hfx.driver.questions.base import listed
from hfx.hf_core.reasons import no_signal
from hfx.json_types import LabelValue
from hfx.pallets.inspection import Inspection, LabelRange, RegionInspection, RegionVerification, Verification
from hfx.printable import short

__all__ = ["render_inspection", "render_verification"]

_SHOWN = 12  # hypotheses listed without --all


def render_inspection(console: Console, found: Inspection, everything: bool) -> None:
    console.print(Text(found.name, style="bold"), Text(found.description), sep=": " if found.description else "")
    for region in found.regions:
        _render_region(console, region, everything)
    if found.cite:
        console.print("\nplease cite:")
        for line in found.cite:
            console.print(f"  {line}")


def _render_region(console: Console, region: RegionInspection, everything: bool) -> None:
    console.print()
    if region.region:
        console.print(Text(f"region {region.region}", style="bold"))
    console.print(f"background: sha256 {region.digest}; {_DIGEST_WORDS[region.digest_result]}")
    for name, poi in region.measurements:
        console.print(f"measurement: {name}, with the parameter of interest {poi}" if poi else f"measurement: {name}")
    console.print(_channel_table(region))
    console.print(_parameter_table(region))
    _render_hypotheses(console, region, everything)
    for name, reason in region.defects:
        console.print(Text(f"cannot be used: {short(name)}: {reason}", style="red"))
    for warning in region.warnings:
        console.print(Text(warning, style="yellow"))


_DIGEST_WORDS = {
    "matches": "the patch set was made for this background",
    "mismatch": "the patch set was made for ANOTHER background",
    "none stated": "not verified, because no patch set states the digest of its background",
}


def _channel_table(region: RegionInspection) -> Table:
    table = Table("channel", "bins", "observed events", "samples", box=None, padding=(0, 2, 0, 0))
    for channel in region.channels:
        observed = "" if channel.observed is None else f"{channel.observed:g}"
        row = (channel.name, str(channel.bins), observed, ", ".join(channel.samples))
        table.add_row(*map(Text, row))
    return table


def _parameter_table(region: RegionInspection) -> Table:
    table = Table("modifier type", "names", "parameters", "names in signals only", box=None, padding=(0, 2, 0, 0))
    for kind in region.parameters:
        row = (kind.type, str(kind.names), str(kind.components), str(kind.signal_only))
        table.add_row(*map(Text, row))
    return table


def _render_hypotheses(console: Console, region: RegionInspection, everything: bool) -> None:
    ranges = ", ".join(_range(label) for label in region.labels)
    count = len(region.hypotheses)
    console.print(f"{count} hypothes{'is' if count == 1 else 'es'}{'; labels: ' if ranges else ''}{ranges}")
    labels = [label.label for label in region.labels]
    shown = region.hypotheses if everything else region.hypotheses[:_SHOWN]
    for name, values in shown:
        named = "  ".join(f"{label} {_value(value)}" for label, value in zip(labels, values, strict=False))
        console.print(f"  {short(name)}  {named}".rstrip())
    if len(shown) < count:
        console.print(f"  and {count - len(shown)} more (--all lists them)")


def _value(value: LabelValue) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _range(label: LabelRange) -> str:
    if label.texts and label.different > 1:
        return f"{label.label} one of {listed(label.texts, _SHOWN)}"
    if label.texts:
        return f"{label.label} always {label.texts[0]}"
    if label.different == 1:
        return f"{label.label} always {label.least:g}"
    return f"{label.label} from {label.least:g} to {label.greatest:g} ({label.different} values)"


def render_verification(console: Console, found: Verification) -> None:
    for region in found.regions:
        console.print(Text(_verdict(found, region), style=_style(region)))
        for name, reason in region.defects:
            console.print(Text(f"  {short(name)}: {reason}", style="red"))
        for reason, names in _by_reason(region.without_signal).items():
            console.print(
                Text(f"  no signal, and no result in a scan: {listed([*map(short, names)], _SHOWN)} ({no_signal(reason)})")
            )


def _by_reason(found: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    by_reason: dict[str, list[str]] = {}
    for name, reason in found:
        by_reason.setdefault(reason, []).append(name)
    return by_reason


def _style(region: RegionVerification) -> str:
    return "red" if region.problem or region.defects else "green"


def _verdict(found: Verification, region: RegionVerification) -> str:
    name = f"{found.name}, region {region.region}" if region.region else found.name
    bad, count = len(region.defects), region.hypotheses - len(region.without_signal)
    if region.problem and region.digest_result != "mismatch":
        return f"{name}: {region.problem}"
    which = " with a signal" if region.without_signal else ""
    all_good = f"the hypothesis{which} can be used" if count == 1 else f"all {count} hypotheses{which} can be used"
    if not count:
        all_good = "no hypothesis has a signal" if region.without_signal else "it has no patches"
    patches = f"{bad} of {count} hypotheses{which} cannot be used" if bad else all_good
    return f"{name}: {_DIGEST_WORDS[region.digest_result]} (sha256 {region.digest}); {patches}"
