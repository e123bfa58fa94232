"""The documentation site: ``make docs`` builds it into build/docs; a warning is an error."""

import html
import re
from typing import Any

from latex2mathml.converter import convert
from sphinx.application import Sphinx

from hfx.version import __version__

project = "hfx"
author = "The hfx developers"
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["build"]

html_theme = "furo"
html_title = "hfx"
html_static_path = ["_static"]
html_css_files = ["math.css"]

# Docstrings write `name` for code, as the house does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": False, "show-inheritance": False}


def _escape_bars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """A docstring's |a| is an absolute value, no substitution; the bars of types have spaces around them."""
    lines[:] = [re.sub(r"\|(?=\S)|(?<=\S)\|", r"\\|", line) for line in lines]


def _add_commands(app: Sphinx, page: str, source: list[str]) -> None:
    """The page of commands is made of the commands as they are when the site is built."""
    if page == "commands":
        from hfx.driver.cli.command_reference import reference

        source[0] = source[0].replace("{commands}", reference())


def _inline(translator: Any, node: Any) -> None:
    """Formulas are MathML, which browsers draw by themselves: the site needs no network."""
    translator.body.append(convert(node.astext()))


def _display(translator: Any, node: Any) -> None:
    translator.body.append(
        f'<div class="math" title="{html.escape(node.astext())}">{convert(node.astext(), display="block")}</div>'
    )


def _skip(visit: Any) -> Any:
    from docutils.nodes import SkipNode

    def render(translator: Any, node: Any) -> None:
        visit(translator, node)
        raise SkipNode

    return render


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _escape_bars)
    app.connect("source-read", _add_commands)
    app.connect("env-get-outdated", lambda *_: ["commands"])  # its source is not only its file
    app.add_html_math_renderer("mathml", (_skip(_inline), None), (_skip(_display), None))


html_math_renderer = "mathml"
