"""Endpoint files: found, read, checked; what is wrong is told with file, key and the nearest right one."""

from pathlib import Path

import pytest

from hfx import endpoints
from hfx.endpoints import user_files
from hfx.endpoints.parsl.providers.base import Provider
from hfx.endpoints.parsl.providers.slurm import Slurm
from hfx.endpoints.specification import ENGINES, parse
from hfx.endpoints.toml_fields import TomlValue
from hfx.errors import EndpointError


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFX_CONFIG", str(tmp_path / "configuration"))


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "river.toml"
    path.write_text(text)
    return str(path)


def test_hfx_s_own() -> None:
    assert endpoints.engine_names() == ("embedded", "inline", "parsl", "process")
    assert endpoints.resolve(None).engine == "inline"
    assert endpoints.resolve("embedded").workers(3) == 3
    assert endpoints.resolve("process").workers(3) == 3
    assert endpoints.resolve("parsl").spec.label == "local"
    for name in endpoints.engine_names():
        endpoints.check(name)


def test_an_engine_that_needs_a_file_says_so() -> None:
    with pytest.raises(EndpointError, match="engine globus needs an endpoint file: 'hfx endpoint init globus'"):
        endpoints.resolve("globus")


def test_a_file_by_its_path_and_by_its_name(tmp_path: Path) -> None:
    file = written(tmp_path, 'engine = "process"\nworkers = 3\nthreads = 2\n')
    by_path = endpoints.resolve(file)
    assert (by_path.name, by_path.workers(64), by_path.settings) == ("river", 3, {"threads": 2})
    user_files.add("lake", Path(file).read_text(), reserved=endpoints.engine_names())
    by_name = endpoints.resolve("lake")
    assert by_name.spec == by_path.spec
    assert by_name.file == user_files.folder() / "lake.toml"
    assert user_files.folder().parent == tmp_path / "configuration"


def test_names_that_cannot_be_added(tmp_path: Path) -> None:
    reserved = endpoints.engine_names()
    for name, words in (
        ("process", "hfx's own"),
        ("a/b", "cannot be the name of an endpoint"),
        ("", "cannot be the name"),
        ("x.toml", "cannot be the name"),
    ):
        with pytest.raises(EndpointError, match=words):
            user_files.add(name, "", reserved=reserved)
    user_files.add("lake", "old", reserved=reserved)
    with pytest.raises(EndpointError, match=r"lake\.toml; edit it, or replace it with --force"):
        user_files.add("lake", "new", reserved=reserved)
    assert user_files.add("lake", "new", reserved=reserved, replace=True).read_text() == "new"


SLURM = 'engine = "parsl"\nprovider = "slurm"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('engine = "proces"', "engine = 'proces' is none of inline, process, parsl, globus; did you mean 'process'?"),
        ("workers = 3", "the key engine is missing; it is one of inline, process, parsl, globus"),
        ('enigne = "process"', "did you mean engine instead of 'enigne'?"),
        ('engine = "process"\nworker = 3', "no key is called 'worker'; did you mean 'workers'?"),
        ('engine = "process"\nzzz = 3', "no key is called 'zzz'; keys: engine, workers, threads, device"),
        ('engine = "process"\nworkers = 0', "workers = 0: give a whole number from 1"),
        ('engine = "process"\nworkers = true', "workers = true: give a whole number"),
        ('engine = "process"\nworkers = "four"', "workers = 'four': give a whole number"),
        ('engine = "process"\ndevice = "gpu"', "device = 'gpu': give 'cpu', 'cuda' or 'cuda:N'"),
        ('engine = "process"\npartition = "x"', "process takes no 'partition', a key of slurm; leave it out"),
        ('engine = "process"\nprovider = "slurm"', "provider is a key of the parsl engine"),
        ('engine = "parsl"\nprovider = "slrum"', "did you mean 'slurm'?"),
        ('engine = "parsl"\nprovider = "local"\nqos = "x"', "local takes no 'qos', a key of slurm; leave it out"),
        (SLURM + 'partiton = "x"', "no key is called 'partiton'; did you mean 'partition'?"),
        (SLURM + 'walltime = "an hour"', "walltime = 'an hour': give hours, minutes and seconds"),
        (SLURM + 'walltime = "00:00:00"', "more than no time"),
        (SLURM + "min_blocks = 3\nmax_blocks = 2", "min_blocks = 3 is more than max_blocks = 2"),
        (SLURM + "init_blocks = 3\nmax_blocks = 2", "init_blocks = 3 lies outside"),
        (SLURM + 'device = "cuda"', "device = 'cuda' without gpus"),
        (SLURM + 'device = "cpu"\ngpus = 2', "gpus = 2 with device = 'cpu'"),
        (SLURM + 'device = "cuda:1"\ngpus = 2', "each worker sees one GPU"),
        (SLURM + "workers = 4\ngpus = 2", "workers = 4 on 2 GPUs"),
        (SLURM + "cores = 2\nworkers = 4", "cores = 2 for 4 workers of 1 threads: give 4 or more"),
        (SLURM + 'address = "10.0.0.1"\ninterface = "ib0"', "leave one out"),
        (SLURM + "ports = [54000]", "the first and the last port"),
        (SLURM + "ports = [54100, 54000]", "the first and the last port"),
        (SLURM + 'launcher = "mpi"', "launcher = 'mpi': give one of simple, srun, single"),
        (SLURM + "idle_seconds = -1", "idle_seconds = -1: give a number, 0 or more"),
        (SLURM + "idle_seconds = 1" + "0" * 400, "give a number, 0 or more, up to 1e+09"),
        (SLURM + "idle_seconds = " + "9" * 5000, "is not TOML"),
        (SLURM + "ports = " + "[" * 2000 + "]" * 2000, "is not TOML"),
        (SLURM + "exclusive = 1", "give true or false"),
        (SLURM + "directives = [1]", "a list of texts"),
        (SLURM + 'worker_init = ["a", "b\\u007f"]', "worker_init = ['a', 'b\\x7f']: leave control characters out"),
        (SLURM + 'account = ""', "account = '': give one word in quotes"),
        ('engine = "parsl"\nprovider = "kubernetes"', "the key image is missing"),
        ("engine = process", "is not TOML"),
        ("{}", 'write one key in each line, with texts in quotes, for example engine = "process"'),
        ("", "the key engine is missing"),
        ('engine = "slurm"', "slurm is a provider of parsl: write engine = 'parsl' and provider = 'slurm'"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(tmp_path: Path, text: str, words: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(EndpointError) as caught:
        endpoints.check(file)
    message = str(caught.value)
    assert words in message
    assert file in message
    assert "\n" not in message


def test_what_is_not_there(tmp_path: Path) -> None:
    for given, words in (
        ("nowhere.toml", "nowhere.toml: no such file; 'hfx endpoint init'"),
        (str(tmp_path) + "/", "is a folder"),
        ("slurm", "'hfx endpoint init slurm-cpu' or 'hfx endpoint init slurm-gpu' writes an endpoint file to edit"),
        ("condor", "'hfx endpoint init htcondor' writes an endpoint file to edit, and 'hfx endpoint add condor FILE' saves"),
        ("zzz", "'hfx endpoint init' lists templates of endpoint files"),
        ("proces", "did you mean 'process'?"),
        ("river", "'hfx endpoint add river FILE'"),
    ):
        with pytest.raises(EndpointError) as caught:
            endpoints.resolve(given)
        assert words in str(caught.value)
    (tmp_path / "latin.toml").write_bytes(b'engine = "\xe9"')
    with pytest.raises(EndpointError, match="UTF-8"):
        endpoints.resolve(str(tmp_path / "latin.toml"))


def test_one_s_own_names_are_known_too(tmp_path: Path) -> None:
    user_files.add("rivers", 'engine = "process"', reserved=())
    with pytest.raises(EndpointError, match="did you mean 'rivers'"):
        endpoints.resolve("river")


def test_several_and_the_same_twice() -> None:
    assert [e.name for e in endpoints.resolve_all(["inline", "process", "inline"])] == ["inline", "process"]
    assert [e.name for e in endpoints.resolve_all(())] == ["embedded"]


@pytest.mark.parametrize(
    "value", ["a\nb", "a\rb", "a b", "a;b", "a$b", "a`b", "a#b", "a'b", 'a"b', "a\\b", "a>b", "a\x1bb", "a\u202eb"]
)
def test_a_word_that_goes_into_scripts_holds_nothing_that_a_shell_reads(value: str) -> None:
    keys = {"slurm": ("account", "partition", "qos", "constraint", "reservation", "gres"), "htcondor": ("project",)}
    for provider, names in keys.items():
        for name in names:
            with pytest.raises(EndpointError, match=f"{name} = .*: give one word") as caught:
                parse({"engine": "parsl", "provider": provider, name: value}, "x", None)
            assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "value", ["gpu:a100:4", "[rack1*2&rack2]|(a,b)", "atlas.susy_2-x", "registry.org:5000/hfx@sha256", "10.0.0.1"]
)
def test_words_of_batch_systems_are_taken(value: str) -> None:
    assert parse({"engine": "parsl", "provider": "slurm", "constraint": value}, "x", None).spec_as(Slurm).constraint == value


@pytest.mark.parametrize("value", ["a\rb", "a\x0bb", "a\u2028b", "a\x9bb"])
def test_a_text_is_one_line(value: str) -> None:
    with pytest.raises(EndpointError, match="give a text on one line"):
        parse({"engine": "parsl", "provider": "htcondor", "requirements": value}, "x", None)


@pytest.mark.parametrize("engine", ENGINES)
def test_keys_of_every_engine_have_values_that_are_refused(engine: str) -> None:
    """No key takes just anything: none a date."""
    from dataclasses import fields
    from datetime import date
    from importlib import import_module

    for provider, kind in import_module(ENGINES[engine]).KINDS.items():
        for field in fields(kind):
            content = {"engine": engine, **({"provider": provider} if provider else {}), field.name: date(2026, 1, 1)}
            with pytest.raises(EndpointError, match=f"{field.name} = "):
                parse(content, "x", None)


@pytest.mark.parametrize("value", ["10.0.0.1&id", "a b", "a|b", "(a)", "a*", "a\nb", "$HOME", ""])
def test_an_address_goes_into_a_command_line(value: str) -> None:
    with pytest.raises(EndpointError, match=r"address = .*: give the name of a host"):
        parse({"engine": "parsl", "address": value}, "x", None)


@pytest.mark.parametrize("value", ["10.0.0.1", "fe80::1", "login-1.site_2.org"])
def test_addresses(value: str) -> None:
    assert parse({"engine": "parsl", "address": value}, "x", None).spec_as(Provider).address == value


@pytest.mark.parametrize("key", ["worker_init", "directives", "submit_directives"])
@pytest.mark.parametrize("value", ["a\x1b[31mb", "a\x00b", ["fine", "a\u202eb"]])
def test_lines_of_scripts_hold_no_control_characters(key: str, value: TomlValue) -> None:
    with pytest.raises(EndpointError, match=f"{key} = .*: leave control characters out"):
        parse({"engine": "parsl", "provider": "slurm", key: value}, "x", None)
    assert parse({"engine": "parsl", "provider": "slurm", key: "a\n\tb"}, "x", None).spec_as(Slurm)


@pytest.mark.parametrize("key", ["endpoint_id", "group", "function_id"])
def test_the_id_of_the_template_is_to_be_replaced(key: str) -> None:
    content = {"engine": "globus", "endpoint_id": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"}
    with pytest.raises(EndpointError, match=f"{key} = '0000.*': this is the template's id, which names nothing; replace it"):
        parse({**content, key: "00000000-0000-0000-0000-000000000000"}, "far", None)
