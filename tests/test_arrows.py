"""The arrows between rooms and sub-rooms, no circle of imports, no crowded folder; `import hfx` is light."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"
HFX = SOURCE / "hfx"
ROOMS = ("hf_core", "pallets", "functions", "endpoints", "driver")

# The sub-rooms of each room, and its files that stand alone, in the order in which they may be imported: each may import what
# stands in an earlier line, and itself.
ORDER = {
    "hf_core": (
        ("specification", "reasons"),
        ("modifiers",),
        ("decoding",),
        ("batch",),
        ("cpu", "tensor"),
        ("fits",),
        ("inference",),
    ),
    "endpoints": (
        ("toml_fields", "templates", "user_files"),
        ("specification",),
        ("tasks",),
        ("parsl", "globus", "local"),
        ("batch",),
        ("several",),
        ("connection",),
    ),
    "driver.views": (
        ("verdict", "limits", "failures"),
        ("state", "summary"),
        ("plane_map", "page", "notebook"),
        ("board",),
        ("progress",),
        ("live",),
    ),
    "driver": (
        ("run", "process"),
        ("questions", "setup"),
        ("plane",),
        ("plot",),
        ("scan", "export"),
        ("views",),
        ("results",),
        ("api",),
        ("submission", "service"),
        ("cli",),
    ),
}
MOST_FILES = 16

# Of hfx, a room may import itself, hfx.errors, hfx.json_types, hfx.printable, hfx.user_paths, hfx.version, and:
ALLOWED = {
    "hf_core": (),
    "pallets": ("hfx.hf_core.specification", "hfx.hf_core.reasons"),
    "functions": ("hfx.hf_core", "hfx.pallets"),
    "endpoints": ("hfx.functions.wire", "hfx.functions.wire_text", "hfx.functions.worker_process", "hfx.functions.catalogue"),
    "driver": ("hfx",),
}
CLIENT_STACK = {"httpx", "matplotlib", "mplhep", "parsl", "globus_compute_sdk", "globus_sdk", "rich", "typer"}
ENGINES = {"parsl", "globus_compute_sdk", "globus_sdk", "dask", "ray"}
FORBIDDEN = {
    "hf_core": CLIENT_STACK | {"pyhf"},
    "pallets": {"torch", "numba", "pyhf"} | CLIENT_STACK - {"httpx"},
    "functions": CLIENT_STACK | {"pyhf"},
    "endpoints": {"torch", "numba", "pyhf"},
    "driver": {"pyhf"},
}


def _package(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1])


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, by its full name (`from a import b` gives `a.b`)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = _package(path).split(".")
                base = ".".join(above[: len(above) - node.level + 1] + ([base] if base else []))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _named(path: Path) -> Iterator[str]:
    """The modules of hfx that a file names in texts, as "hfx.driver.api:scan", to load them when they are needed."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if name.startswith("hfx.") and name in MODULES:
                yield name


def _within(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_what_it_may(room: str) -> None:
    allowed = (f"hfx.{room}", "hfx.errors", "hfx.json_types", "hfx.printable", "hfx.user_paths", "hfx.version", *ALLOWED[room])
    files = sorted((HFX / room).rglob("*.py"))
    assert files, f"the room {room} is empty"
    wrong = []
    for path in files:
        for name in (*_imports(path), *_named(path)):
            inside = _within(name, "hfx") and not any(_within(name, one) for one in allowed)
            if inside or name.split(".")[0] in FORBIDDEN[room]:
                wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
    assert not wrong, "\n".join(wrong)


def _module(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in sorted(HFX.rglob("*.py"))}


def _imported_modules(path: Path) -> set[str]:
    """The modules of hfx that a file imports anywhere in it: the longest prefix of each name that is a module."""
    found = set()
    for name in _imports(path):
        parts = name.split(".")
        prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        module = next((prefix for prefix in prefixes if prefix in MODULES), None)
        if module is not None:
            found.add(module)
    return found - {_module(path)}


IMPORTS = {module: _imported_modules(path) for module, path in MODULES.items()}


@pytest.mark.parametrize("room", ORDER)
def test_sub_room_imports_only_what_stands_left_of_it(room: str) -> None:
    """What the room itself offers, in its ``__init__``, stands at the end: only other rooms import it."""
    rank = {name: i for i, names in enumerate((*ORDER[room], ("",))) for name in names}
    wrong = []
    for module, imported in IMPORTS.items():
        here = _inside(module, room)
        if here is None:
            continue
        assert here in rank, f"{module} stands in no sub-room that the order names"
        for other in imported:
            there = _inside(other, room)
            if there is not None and there != here and rank[there] >= rank[here]:
                wrong.append(f"{module} imports {other}")
    assert not wrong, "\n".join(sorted(wrong))


def _inside(module: str, room: str) -> str | None:
    """The part of a room that a module belongs to, "" for the room's own file; None where it is in another room."""
    if not _within(module, f"hfx.{room}"):
        return None
    return module.removeprefix(f"hfx.{room}").lstrip(".").partition(".")[0]


def test_what_all_rooms_import_imports_no_room() -> None:
    for name in ("json_types", "printable", "user_paths", "version"):
        assert not IMPORTS[f"hfx.{name}"]
    assert IMPORTS["hfx.errors"] == {"hfx.printable"}


def test_no_file_imports_what_its_own_package_offers() -> None:
    """The package's ``__init__`` imports the file: that would be a circle. The version of hfx is in hfx.version."""
    wrong = [
        f"{module} imports {other}"
        for module, imported in IMPORTS.items()
        for other in imported
        if module.startswith(other + ".") and any(_within(one, other) for one in IMPORTS[other])
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle_of_imports() -> None:
    """Between files, imports within functions and for type checkers included; a package and what it re-exports are one."""
    seen: dict[str, int] = {}  # 1: on the way, 2: done
    circles = []

    def visit(module: str, way: list[str]) -> None:
        seen[module] = 1
        for other in sorted(IMPORTS[module]):
            if module.startswith(other + "."):
                continue  # the package that holds this module is loaded before it anyway
            if seen.get(other) == 1:
                circles.append(" -> ".join([*way[way.index(other) :], other]))
            elif other not in seen:
                visit(other, [*way, other])
        seen[module] = 2

    for module in IMPORTS:
        if module not in seen:
            visit(module, [module])
    assert not circles, "\n".join(circles)


def test_no_folder_is_crowded() -> None:
    folders = [path for path in [HFX, *HFX.rglob("*")] if path.is_dir() and path.name != "__pycache__"]
    counts = {path: sum(file.is_file() for file in path.iterdir()) for path in folders}
    crowded = {str(path.relative_to(SOURCE)): count for path, count in counts.items() if count > MOST_FILES}
    assert not crowded


def test_every_package_of_hfx_is_a_room() -> None:
    folders = {path.name for path in HFX.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS)
    assert all((path.parent / "__init__.py").exists() for path in HFX.rglob("*.py"))


def _loaded(statement: str) -> tuple[float, set[str]]:
    """Seconds that a statement takes in a fresh interpreter, and the top-level modules loaded after it."""
    code = (
        "import json, sys, time\n"
        "start = time.perf_counter()\n"
        f"{statement}\n"
        "spent = time.perf_counter() - start\n"
        "print(json.dumps([spent, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seconds, modules = json.loads(done.stdout)
    return float(seconds), set(modules)


HEAVY = {"torch", "numba", "scipy", "numpy", "matplotlib", "mplhep", "typer", "rich", "httpx", "jsonschema"}


def test_import_hfx_is_light() -> None:
    trials = [_loaded("import hfx") for _ in range(3)]
    assert not trials[0][1] & (HEAVY | ENGINES)
    # The best of three: the machine may be busy, the import is not.
    assert min(seconds for seconds, _ in trials) < 0.2


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_light(room: str) -> None:
    """Entering a room loads neither torch nor an engine; that waits until something is computed or sent."""
    _, modules = _loaded(f"import hfx.{room}")
    assert not modules & ({"torch", "numba", "matplotlib", "typer"} | ENGINES)


def test_workers_need_no_more_packages_than_the_handshake_names() -> None:
    """What a client needs beside them, to read pallets and to draw, is not on every worker."""
    _, modules = _loaded("import hfx.functions.prepared_hypotheses, hfx.functions.jobs.cls, hfx.functions.task")
    assert not modules & {"orjson", "httpx", "yaml", "rich", "typer", "matplotlib", "platformdirs", "contourpy"}
    _, modules = _loaded("import hfx.functions.handshake")
    assert not modules & {"msgspec", "numpy", "orjson"}


def test_pallets_never_load_torch() -> None:
    _, modules = _loaded("import hfx\nhfx.open_pallet\nfrom hfx.pallets import open_pallet")
    assert not modules & {"torch", "numba", "matplotlib"}


def test_fits_on_the_cpu_load_no_torch() -> None:
    """torch takes a second to import, and nothing that the CPU's own kernel does needs it."""
    _, modules = _loaded("from hfx.driver.process.compile_kernels import precompile\nprecompile()")
    assert "numba" in modules
    assert "torch" not in modules
