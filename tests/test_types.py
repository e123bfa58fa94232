"""Few uses of `dict[str, Any]`, no `Any` in a public signature, and no dependency that is not imported."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

HFX = Path(__file__).resolve().parent.parent / "src" / "hfx"
MOST = 60
_OPEN = re.compile(r"(?:dict|Mapping|MutableMapping)\[str, Any\]")


def _sources() -> list[Path]:
    found = sorted(HFX.rglob("*.py"))
    assert found
    return found


def test_few_dictionaries_hold_anything() -> None:
    counts = {str(path.relative_to(HFX)): len(_OPEN.findall(path.read_text())) for path in _sources()}
    assert sum(counts.values()) <= MOST, {name: count for name, count in counts.items() if count}


def _public_functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods that are not private, of classes that are not, by name."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            yield f"{prefix}{node.name}", node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public_functions(node.body, f"{node.name}.")


def test_no_public_signature_takes_or_gives_anything() -> None:
    wrong = []
    for path in _sources():
        for name, function in _public_functions(ast.parse(path.read_text()).body):
            every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            every += [one for one in (function.args.vararg, function.args.kwarg) if one is not None]
            hints = [one.annotation for one in every if one.annotation is not None] + (
                [function.returns] if function.returns else []
            )
            if any(re.search(r"\bAny\b", ast.unparse(hint)) for hint in hints):
                wrong.append(f"{path.relative_to(HFX)}: {name}")
    assert not wrong, "\n".join(wrong)


# Distributions whose modules have other names.
_MODULES = {"pyyaml": "yaml", "globus-compute-sdk": "globus_compute_sdk", "globus-sdk": "globus_sdk"}


def test_dependencies_that_are_required_are_imported() -> None:
    project = tomllib.loads((HFX.parents[1] / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[<>=\[]", text)[0] for text in project["dependencies"]}
    imported = set()
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    assert {name for name in required if _MODULES.get(name, name) not in imported} == set()
