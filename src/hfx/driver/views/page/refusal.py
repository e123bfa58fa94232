"""The answer to a request for a plane that cannot be drawn: which field of the page's form is wrong, and why."""

import re
from collections.abc import Sequence
from dataclasses import fields, replace

from hfx.driver.questions.base import Surface
from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.messages import Refusal
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.errors import OptionError
from hfx.json_types import JsonObject, LabelValue

__all__ = ["refused"]

_NOTHING = PlaneRequest()
_OPTION = re.compile(r"^--(x|y|where) ")


def refused(hub: Hub, view: str | None, request: PlaneRequest) -> Refusal | None:
    """Why a view's hypotheses cannot be drawn as requested; None where they can, or where none are known yet."""
    with hub.guard:
        found = hub.view(view)
        if found is None or found.feed.surface is None or not found.feed.names:
            return None
        feed, surface = found.feed, found.feed.surface
        points, labels, options = [feed.state.points[name] for name in feed.names], feed.label_names, feed.options
    error = _error(points, labels, options, request, surface)
    if error is None:
        return None
    # Each field by itself: what two of them do not allow together, as two equal axes, is said of the second.
    wrong = [
        field.name
        for field in fields(request)
        if getattr(request, field.name)
        and _error(points, labels, options, replace(_NOTHING, **{field.name: getattr(request, field.name)}), surface)
    ]
    return {"field": wrong[0] if wrong else "y", "error": error}


def _error(
    points: Sequence[Sequence[LabelValue]], labels: Sequence[str], options: JsonObject, request: PlaneRequest, surface: Surface
) -> str | None:
    from hfx.driver.views.page.picture import lay_out  # numpy and scipy: the page is there before they are

    try:
        lay_out(points, labels, options, request, surface)
    except OptionError as error:
        return _OPTION.sub("", str(error))  # the sentence stands beside the field
    return None
