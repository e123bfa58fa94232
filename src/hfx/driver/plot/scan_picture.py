"""TEMPORARY: until the pictures take PlotData."""

from hfx.driver.questions import content as contents
from hfx.driver.run import durable_files


def _old(content):
    def d(b):
        return {
            "name": b.name,
            "values": list(b.values),
            "status": b.status,
            "CLs_obs": b.numbers[0],
            "CLs_exp": list(b.numbers[1:]),
            **(
                {
                    "region": b.region,
                    "missing_in": list(b.missing_in),
                    "by_region": {r: {"CLs_obs": n[0], "CLs_exp": list(n[1:])} for r, n in b.by_region.items()},
                }
                if b.region
                else {}
            ),
        }

    return {**content, "results": [d(b) for b in contents.briefs(content)], "failures": contents.gaps(content)}


def plane(content, options):
    from hfx.driver.plane import contour

    return contour.plane(
        _old(content), x=options.x, y=options.y, forbidden=options.forbidden, interpolation=options.interpolation
    )


def draw(content, stem, options, command, say, *, formats=("pdf", "png"), **shown):
    folder, numbers = stem.parent, stem.with_name(f"{stem.name}.json")
    with durable_files.explained(folder, lambda: "the results are kept in its scan.json; "):
        durable_files.write_whole(numbers, durable_files.dump(content["contours"], indent=1) + "\n")
        return [*_picture(content, stem, options, command, formats, shown), numbers]


def _picture(content, stem, options, command, formats, shown):
    from hfx.driver.plot import figure

    return figure.draw(
        _old(content),
        stem,
        x=options.x,
        y=options.y,
        xlabel=options.xlabel,
        ylabel=options.ylabel,
        title=options.title,
        forbidden=options.forbidden,
        interpolation=options.interpolation,
        metadata={"hfx": "x", "pallet": "x", "digest": "x", "command": command},
        formats=formats,
        **shown,
    )


def into(content, ax, style):
    from hfx.driver.plot import figure
    from hfx.driver.plot.redraw import styled

    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(figsize=(7.0, 5.6), layout="constrained")[1]
    figure.draw_axes(_old(content), ax, **styled(content.get("options", {}), style))
    return ax
