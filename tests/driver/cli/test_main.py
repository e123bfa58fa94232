"""The command line: exit codes, one-line errors, options, what goes to which stream."""

import json
import re
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import hfx
from hfx.driver.cli import main
from hfx.driver.cli.help_sections import PARAMETERS
from hfx.driver.scan.run_context import RunContext
from hfx.hf_core.fits.search import DEFAULT_STARTS
from tests.driver import fakes

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    monkeypatch.setattr("hfx.driver.scan.scan._worker_function", lambda: fakes.run)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pallet(tmp_path: Path) -> str:
    fakes.write_pallet(tmp_path / "toy", fakes.grid(4, 3))
    return "toy"


def complaint(arguments: list[str], capsys: Captured) -> str:
    """The one line of a command that must leave with 2."""
    assert main.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hfx: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err[5:-1]


def test_a_scan(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--threads", "1"]) == 0
    out, err = capsys.readouterr()
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    excluded = "11 of 12 hypotheses are excluded at 95 % confidence level (CLs < 0.05)"
    assert rows["result"] == f"{excluded}; expected (median): 11"
    assert rows["limits"].startswith("observed up to m1 = ")
    assert "search" not in rows
    assert "https://www.hepdata.net/record/ins1234567" in out
    assert "hfx-runs/toy/ (scan.json" in out
    assert "hfx: 12 hypotheses to fit (in 1 task)\n" in err
    assert "hfx: fitted 12 of 12" in err


def test_the_scan_of_a_part_of_a_pallet_says_so(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--where", "m1>200", "--only", "*_0"]) == 0
    assert "selected        3 of 12 hypotheses (--where 'm1>200' --only '*_0')\n" in capsys.readouterr().out
    assert main.run(["scan", pallet, "--where", "m1>400"]) == 0
    assert (
        "selected        3 of 12 hypotheses (--where 'm1>400'); table and picture also contain 2 others in this folder; -o NEW"
        in capsys.readouterr().out
    )
    assert main.run(["scan", pallet]) == 0
    assert "selected" not in capsys.readouterr().out


def test_several_conditions_must_all_hold(pallet: str, capsys: Captured) -> None:
    several = ["--where", "m1>200", "--where", "m2==0 or m2==1000"]
    assert main.run(["scan", pallet, *several]) == 0
    assert "selected        3 of 12 hypotheses (--where '(m1>200) and (m2==0 or m2==1000)')\n" in capsys.readouterr().out
    assert main.run(["submit", pallet, "--dry-run", "-o", "other", *several]) == 0
    assert "--where '(m1>200) and (m2==0 or m2==1000)'" in capsys.readouterr().out


def a_run() -> str:
    return (
        f"hfx-runs/toy is the folder of a run, not a pallet; give the pallet of this run, {Path('toy').resolve()}. "
        "'hfx attach hfx-runs/toy' shows or continues the run, 'hfx plot hfx-runs/toy' draws it"
    )


def test_a_run_s_folder_is_no_pallet(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet"]) == 0
    for more in ([], ["--region", "all"]):
        assert complaint(["scan", "hfx-runs/toy", *more], capsys) == a_run()


def test_a_run_s_folder_is_no_pallet_to_inspect(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet"]) == 0
    for command in ("inspect", "verify"):
        assert complaint(["pallet", command, "hfx-runs/toy"], capsys) == a_run()
    Path("other").mkdir()
    Path("other/run.json").write_text("{}")
    assert "contains no HistFactory workspace" in complaint(["pallet", "inspect", "other"], capsys)


@pytest.mark.parametrize("text", ["[]", "{bad", "{}"])
def test_a_folder_with_another_s_run_json_is_told_as_a_pallet_would_be(text: str, capsys: Captured) -> None:
    Path("other").mkdir()
    Path("other/run.json").write_text(text)
    said = complaint(["scan", "other"], capsys)
    assert "-o" not in said
    assert "other" in said
    assert "the folder of a run" not in said


def test_a_pallet_s_own_folder_may_hold_its_run(pallet: str, capsys: Captured) -> None:
    """The same command again, and `hfx attach`, open the pallet there, and find the run."""
    for _ in range(2):
        assert main.run(["scan", pallet, "-o", pallet, "--quiet"]) == 0
    assert main.run(["attach", pallet, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_some_failed(capsys: Captured) -> None:
    fakes.write_pallet(Path("toy"), fakes.grid(4, 3), broken=("sig_200_0",))
    assert main.run(["scan", "toy"]) == 1
    out, err = capsys.readouterr()
    assert "failed          1 of 12: sig_200_0 (the patch does not apply); once this is corrected, the same command fits" in out
    assert "hfx: fitted 11 of 12, 1 failed" in err
    assert "hfx: sig_200_0 failed: the patch does not apply" in err
    assert Path("hfx-runs/toy/contour.pdf").exists()
    assert main.run(["scan", "toy", "-v"]) == 1
    assert "failed          1 of 12: sig_200_0 (the patch does not apply)" in capsys.readouterr().out


def test_a_second_ctrl_c_says_where_the_results_are(pallet: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed_twice(source: object, options: object, context: RunContext) -> None:
        assert context.began is not None
        context.began(Path("out"))
        raise KeyboardInterrupt

    monkeypatch.setattr("hfx.driver.api.scan_source", pressed_twice)
    assert main.run(["scan", pallet, "-o", "out"]) == 130
    assert capsys.readouterr().err == "hfx: stopped at once; what is fitted is kept in out: the same command continues\n"

    def before(source: object, options: object, context: RunContext) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hfx.driver.api.scan_source", before)
    assert main.run(["scan", pallet, "-o", "out"]) == 130
    assert capsys.readouterr().err == "hfx: stopped before the scan began; nothing was written\n"


def test_long_names_are_shortened_where_they_are_listed(tmp_path: Path, capsys: Captured) -> None:
    name = "n" * 5_000
    pallet = str(fakes.write_pallet(tmp_path / "long", fakes.grid(2, 1)))
    patchset = tmp_path / "long" / "patchset.json"
    content = json.loads(patchset.read_text())
    content["patches"][0]["metadata"]["name"] = name
    content["patches"][0]["patch"][0]["path"] = "/channels/77/samples/-"
    patchset.write_text(json.dumps(content))
    for arguments in (["pallet", "verify", pallet], ["pallet", "inspect", pallet], ["scan", pallet, "--plan"]):
        main.run([*arguments])
        shown = "".join(capsys.readouterr())
        assert "n [... 4,880 characters ...] n" in shown, arguments
        assert max(map(len, shown.splitlines())) < 2_000, arguments  # an error has at most 1,500


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_picture_that_fails_is_said_and_an_exit_code(
    pallet: str, quiet: list[str], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fail)
    assert main.run(["scan", pallet, "-o", "out", *quiet]) == 1
    assert "hfx: the picture could not be drawn" in capsys.readouterr().err
    assert Path("out/scan.json").exists()
    assert main.run(["plot", "out"]) == 1


def test_json_and_quiet(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    content = json.loads(out)
    on_disk = json.loads(Path("hfx-runs/toy/scan.json").read_text())
    assert content == {**on_disk, "folder": "hfx-runs/toy"}
    assert main.run(["scan", pallet, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_every_option_reaches_the_scan(pallet: str, capsys: Captured) -> None:
    command = (
        "--mu 2 --signal-scale 0.5 --test-stat q --normsys 1 --histosys 2 --measurement meas --poi mu --only *_0 "
        "--where m1>200 --x m1 --y m1-m2 --minima natural --starts 3 --endpoint inline --threads 1 "
        "--device cpu --xlabel X --ylabel Y --title T --forbidden y>x --theory-band 0.2 "
        "--labels m1,m2 --label-titles titles.yaml --no-verify --thorough -o out"
    )
    Path("titles.yaml").write_text("m1: {latex: m_A, unit: TeV}")
    assert main.run(["scan", pallet, *command.split()]) == 0
    options = json.loads(Path("out/scan.json").read_text())["options"]
    assert options == {
        "output": "out",
        "mu": 2.0,
        "signal_scale": 0.5,
        "test_stat": "q",
        "normsys": 1,
        "histosys": "2",
        "measurement": "meas",
        "poi": "mu",
        "drop_channel": None,
        "region": None,
        "only": "*_0",
        "where": "m1>200",
        "x": "m1",
        "y": "m1-m2",
        "interpolation": "gp",
        "minima": "natural",
        "starts": 3,
        "thorough": True,
        "endpoint": "inline",
        "threads": 1,
        "device": "cpu",
        "xlabel": "X",
        "ylabel": "Y",
        "title": "T",
        "forbidden": "y>x",
        "logx": False,
        "logy": False,
        "theory_band": 0.2,
        "labels": ["m1", "m2"],
        "label_titles": "titles.yaml",
        "verify": False,
    }
    # The command that is kept is this command.
    kept = json.loads(Path("out/run.json").read_text())["command"]
    capsys.readouterr()
    assert main.run(shlex.split(kept)[1:]) == 0
    assert json.loads(Path("out/scan.json").read_text())["options"] == options


def test_the_plan_writes_nothing(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--plan"]) == 0
    out, _ = capsys.readouterr()
    assert "hypotheses  12 of 12 selected, 0 of them fitted already" in out
    assert "folder      hfx-runs/toy" in out
    assert not Path("hfx-runs").exists()
    assert main.run(["scan", pallet, "--only", "*_0", "--quiet"]) == 0
    assert main.run(["scan", pallet, "--plan"]) == 0
    assert "12 of 12 selected, 4 of them fitted already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("scan", "missing argument 'PALLET'; 'hfx scan --help' lists the arguments and options"),
        ("scan toy other", "unexpected argument: other; 'hfx scan --help' lists"),
        ("scan toy --mu", "option '--mu' requires an argument; write a value after it"),
        ("scan toy --logy=1", "option '--logy' does not take a value; write it alone"),
        ("scan toy --only a --mu 1 --only b", "--only is given 2 times, but has one value; give it once"),
        ("scan toy --where m1>1 --where m3>1", "--where '(m1>1) and (m3>1)': no label is called 'm3'"),
        ("plot toy --style cms --style hfx", "--style is given 2 times"),
        ("pallet inspect toy --region a --region b", "--region is given 2 times"),
        ("scan toy --output=", "--output '' is empty; write a value"),
        ("plot toy --output=", "--output '' is empty; write a value"),
        ("scan toy --port 8000", "--port 8000 has no effect without --live; add --live, or leave --port out"),
        ("scan toy --no-browser", "--no-browser has no effect without --live"),
        ("scan toy --plan --json", "--json has no effect with --plan"),
        ("scan toy --dry-run", "no such option: --dry-run; did you mean --plan?"),
        ("submit toy --plan", "no such option: --plan; did you mean --dry-run?"),
        ("submit toy --live", "hfx submit shows no page; 'hfx watch RUN' shows the run as one"),
        ("scan toy --toy 5", "pseudo-experiments (toys) are not available yet"),
        ("pull toy", "pulls, impacts and rankings are not available yet"),
        ("scan toy --toys 1000", "no such option: --toys; CLs is asymptotic; pseudo-experiments (toys) are not available yet"),
        ("scan toy --cl=0.9", "no such option: --cl; the level is fixed: a hypothesis is excluded where CLs is below 0.05"),
        ("scan toy --Confidence_Level 0.9", "the level is fixed"),
        ("scan toy -j 4", "no such option: -j; the number of CPU threads is called --threads"),
        ("scan toy -t -1", "pseudo-experiments (toys) are not available yet"),
        ("submit toy --nproc 4", "the number of CPU threads is called --threads"),
        ("scan toy --observed", "a scan always computes the observed and the expected CLs"),
        ("scan toy --limits", "upper limits on the signal strength are not available yet"),
        ("scan toy --test-poi 1", "the tested signal strength is called --mu"),
        ("combine toy", "no such command 'combine'; 'hfx scan PALLET --region all' takes at each point the region"),
        ("AsymptoticLimits toy", "upper limits on the signal strength are not available yet"),
        ("cls toy", "the command is called scan"),
        ("xml2json toy", "pip install 'pyhf[xmlio]', then 'pyhf xml2json'"),
        ("inspect toy", "'hfx pallet inspect PALLET' shows the content of a pallet"),
        ("pallet combine toy", "no such command 'combine'; 'hfx pallet --help' lists the commands"),
        ("cache clean foo", "foo is not in the cache"),
        ("endpoint init slurm-cpu -o no/such/a.toml", "-o no/such/a.toml: there is no folder no/such; create it, or correct -o"),
        (
            "plot toy --only a",
            "hfx plot selects hypotheses by their labels, with --where; by their names: hfx scan PALLET --only",
        ),
        ("scan toy --minma natural", "no such option: --minma; did you mean --minima?"),
        ("scan toy --Mu 1", "no such option: --Mu"),
        ("scan toy --mu much", "--mu 'much' is not a number; 'hfx scan --help' explains the option"),
        ("scan toy --threads few", "--threads 'few' is not a whole number"),
        ("endpoint check toy --wait 0.5", "--wait '0.5' is too small: give 1 or more"),
        ("status --nothing", "no such option: --nothing; 'hfx status --help' lists the arguments and options"),
        ("scan toy --mu nan", "--mu 'nan' is not a finite number"),
        ("scan toy --mu 0", "--mu 0 cannot be tested"),
        ("scan toy --signal-scale -1", "--signal-scale -1: give a number above 0"),
        ("scan toy --test-stat q0", "--test-stat 'q0' is not one of q, qtilde"),
        ("scan toy --normsys 2", "--normsys '2' is not one of 1, 4"),
        ("scan toy --histosys 4", "--histosys '4' is not one of 0, 2, 4p"),
        ("scan toy --minima best", "--minima 'best' is not one of admissible, natural, lowest"),
        ("scan toy --starts 0", "--starts '0': give a whole number"),
        ("scan toy --threads 0", "--threads '0': give a whole number"),
        ("scan toy --device tpu", "--device 'tpu' is not known: cpu, cuda or cuda:N"),
        ("scan toy --device cuda:99", "leave --device out to use the CPU"),
        ("scan toy --measurement mine", "--measurement 'mine' is not one of toy's: meas, other"),
        ("scan toy --region all --measurement mine", "--measurement 'mine' is not one of toy's: meas, other"),
        ("scan toy --endpoint river", "no endpoint is called 'river'; known here: embedded, inline"),
        ("scan toy --endpoint inline --endpoint river", "no endpoint is called 'river'"),
        ("scan toy --theory-band 2", "--theory-band 2: give a fraction"),
        ("scan toy --only nothing", "--only 'nothing' matches none of the 12 names (the first is "),
        ("scan toy --where m3==1", "no label is called 'm3'"),
        ("scan toy --x m3 --y m2", "no label is called 'm3'"),
        ("scan toy --forbidden y", "--forbidden"),
        ("scan toy --region RegionZ", "RegionZ"),
        ("scan toy -o toy/BkgOnly.json", "toy/BkgOnly.json is a file, not a"),
        ("scan nowhere", "nowhere: no such file or folder"),
        ("scna toy", "no such command 'scna'; did you mean scan?"),
        ("--nothing", "no such option: --nothing"),
        ("plot toy", "toy contains no run of hfx"),
        ("plot a b -o c", "a is not a folder"),
        ("plot toy --label A", "--label names the runs of an overlay"),
        ("plot toy --style cdf", "--style 'cdf' is not one of hfx, atlas, cms"),
        ("plot toy --format gif", "--format 'gif' is not one of pdf, png, svg"),
        ("scan toy --interpolation cubic", "--interpolation 'cubic' is not one of gp, smooth, rbf, linear"),
        (
            "scan toy --theory-band nowhere.csv",
            "--theory-band nowhere.csv: there is no such file; give a fraction, for example 0.1 for 10 %, or a CSV file",
        ),
        ("export toy", "give exactly one of --workspace NAME, --parameters NAME, --csv and --hepdata"),
        ("export toy --csv", "toy contains no run of hfx"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_two(pallet: str, capsys: Captured, arguments: str, words: str) -> None:
    assert words in complaint(arguments.split(), capsys)
    assert not Path("hfx-runs").exists()


@pytest.mark.parametrize("command", ["scan", "status", "attach", "plot", "submit", "cancel"])
def test_an_empty_argument_is_no_folder(command: str, capsys: Captured) -> None:
    assert "'' is empty; write a value" in complaint([command, ""], capsys)


def test_a_title_may_be_empty_and_a_flag_repeated(pallet: str) -> None:
    assert main.run(["scan", pallet, "--title", "", "-v", "-v", "--endpoint", "inline", "--endpoint", "embedded"]) == 0


def test_where_pictures_and_exports_are_not_written(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet", "-o", "out"]) == 0
    assert "no/such cannot be created: there is no folder no;" in complaint(["plot", "out", "-o", "no/such/a.png"], capsys)
    assert "-o x.bmp: pictures are written as" in complaint(["plot", "out", "-o", "x.bmp", "--format", "png"], capsys)
    assert (
        complaint(["export", "out", "--csv", "-o", "toy"], capsys)
        == "-o toy is a folder; give a file, for example toy/results.csv"
    )
    for export in (["--csv", "-o", "no/such/a.csv"], ["--hepdata", "-o", "no/such"]):
        assert "cannot be created: there is no folder no; create it, or correct -o" in complaint(
            ["export", "out", *export], capsys
        )
    linear = ["plot", "out", "--uncertainty", "--interpolation", "linear"]
    assert "is drawn with the interpolation linear, which has none; add --interpolation gp" in complaint(linear, capsys)
    assert not Path("no").exists()


def test_a_dash_is_standard_output(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet", "-o", "out"]) == 0
    for more in ([], ["-o", "-"]):
        capsys.readouterr()
        assert main.run(["export", "out", "--csv", *more]) == 0
        assert capsys.readouterr().out.startswith("name,")
    assert not Path("-").exists()


def test_the_plan_counts_the_cores_that_there_are(pallet: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.scan.preview.usable_cores", lambda: 2)
    assert main.run(["scan", pallet, "--plan", "--threads", "12"]) == 0
    out = capsys.readouterr().out
    assert "tasks       12, with at most 1 hypothesis each" in out
    assert "estimate    about 1 s of fits on 2 cores" in out


def test_another_scan_s_folder(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "-o", "out", "--quiet", "--only", "*_0"]) == 0
    line = complaint(["scan", pallet, "-o", "out", "--mu", "2", "--quiet"], capsys)
    assert line == "out contains another scan: --mu is 1.0 there and 2.0 here; choose another folder with -o"


def test_a_bug_is_a_line_too_and_a_traceback_with_v(pallet: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> Any:
        raise ZeroDivisionError("oh\ndear")

    monkeypatch.setattr("hfx.driver.api.scan_pallet", bug)
    assert "a bug in hfx, sorry (ZeroDivisionError: oh dear)" in complaint(["scan", pallet], capsys)
    assert main.run(["scan", pallet, "-v"]) == 2
    assert "Traceback" in capsys.readouterr().err


def _without_memory() -> Exception:
    error = OSError("could not find libllvmlite.so")
    error.__context__ = ImportError("libx.so: failed to map segment from shared object")
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "there is not enough memory for this; what is on the disk is kept"),
        (RuntimeError("can't start new thread"), "there is not enough memory for this"),
        (_without_memory(), "there is not enough memory for this"),
        (
            PermissionError(13, "Permission denied", "/data/x"),
            "/data/x: Permission denied; correct this, then run the same command",
        ),
        (OSError(24, "Too many open files"), "Too many open files; correct this, then run the same command again"),
    ],
)
def test_what_the_machine_refuses_is_no_bug(
    pallet: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refused(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr("hfx.driver.api.scan_pallet", refused)
    assert complaint(["scan", pallet], capsys).startswith(words)


def test_a_scan_without_memory_for_a_single_fit_ends_and_goes_on_later(
    pallet: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(task: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as here:
        here.setattr("hfx.driver.scan.scan._worker_function", lambda: no_memory)
        assert main.run(["scan", pallet, "-o", "run", "--threads", "1"]) == 2
    assert "there is not enough memory for this" in capsys.readouterr().err
    assert json.loads(Path("run/run.json").read_text())["state"] == "failed"
    assert main.run(["scan", pallet, "-o", "run", "--threads", "1", "--quiet"]) == 0


def test_help_version_and_citations(capsys: Captured) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"hfx {hfx.__version__}\n"
    assert main.run(["--cite"]) == 0
    out = capsys.readouterr().out
    assert "@article{Cowan:2010js," in out
    assert f"{{version {hfx.__version__}}}" in out
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("scan", "plot", "export", "doctor", "pallet", "cache", "endpoint", "login", "logout", "whoami"):
        assert f"\n  {command} " in out
    assert main.run(["scan", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "--signal-scale" in out
    assert "Exit codes: 0, every hypothesis was fitted and converged; 1, some failed" in out
    assert f"the yield of a sample is negative. Default: {DEFAULT_STARTS}." in out


def shown_help(command: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The sections of a help text in a terminal of 80 columns, by title in their order; the text before them is that of ""."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main.run([*command.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    parts = re.split(r"^(\S.*):$", out, flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def test_the_interpolations_of_plot_are_those_of_scan(capsys: Captured) -> None:
    assert main.run(["plot", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(name in words for name in ("gp (Gaussian", "smooth (Gaussian process that smooths", "rbf (radial", "or linear."))


def test_the_commands_are_listed_in_groups_with_whole_sentences(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shown_help("", capsys, monkeypatch)
    names = {title: re.findall(r"^  ([a-z]+) ", rows, flags=re.MULTILINE) for title, rows in found.items() if title}
    assert names == {
        "Scan and look": ["scan", "watch", "plot", "export"],
        "Scans without this terminal": ["submit", "status", "attach", "cancel"],
        "Pallets": ["pallet", "cache"],
        "Where scans run": ["login", "logout", "whoami", "endpoint"],
        "Set-up": ["doctor"],
        "Options": [],
    }
    for group in ("", "pallet", "cache", "endpoint"):
        *_, last = shown_help(group, capsys, monkeypatch).values()
        assert last.endswith(f"'hfx {group}{' ' if group else ''}COMMAND --help' explains a command and its options.\n")
    for group in ("", "pallet", "cache", "endpoint"):
        for title, rows in shown_help(group, capsys, monkeypatch).items():
            sentences = " ".join(rows.partition("\n\n")[0].split())
            assert not title or sentences.endswith("."), (group, title, rows)


def test_the_options_of_a_scan_stand_in_sections(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option has its section, and the sections of a submission are the same."""
    found = shown_help("scan", capsys, monkeypatch)
    assert list(found) == ["", *PARAMETERS, "Options"]
    assert re.findall(r"^  (?:-\w, )?(--\w+)", found["Options"], flags=re.MULTILINE) == ["--help"]
    for title, flags in (("Which hypotheses", "--where"), ("What is computed", "--mu"), ("Where it runs", "--endpoint")):
        assert f"\n  {flags} " in found[title]
    submitted = shown_help("submit", capsys, monkeypatch)
    assert list(submitted) == ["", *(title for title in PARAMETERS if title != "The page"), "Options"]
    assert all(submitted[title] == found[title] for title in PARAMETERS[1:6])


def test_doctor(capsys: Captured) -> None:
    assert main.run(["doctor"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    expected = ["hfx", "python", "platform", "packages", "cores", "devices", "engines", "login", "cache", "disk"]
    assert names == expected


def test_plot_draws_again(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet", "-o", "out"]) == 0
    for name in ("contour.pdf", "contour.json"):
        Path("out", name).unlink()
    assert main.run(["plot", "out", "--x", "m1", "--y", "m2", "--title", "again"]) == 0
    assert capsys.readouterr().out.split() == ["out/contour.pdf", "out/contour.png", "out/contour.json"]
    own = Path("out/contour.json").read_bytes()
    assert main.run(["plot", "out", "--x", "m1", "--y", "m1-m2"]) == 0
    out, err = capsys.readouterr()
    assert out.split() == ["out/contour-y-m1-m2.pdf", "out/contour-y-m1-m2.png", "out/contour-y-m1-m2.json"]
    assert "contour.* stays the picture of the scan; this one is contour-y-m1-m2.*; -o sets another name" in err
    assert json.loads(Path("out/contour-y-m1-m2.json").read_text())["y"] == "m1-m2"
    assert Path("out/contour.json").read_bytes() == own
    assert main.run(["plot", "out", "-o", "elsewhere"]) == 0
    assert Path("elsewhere/contour.pdf").exists()
    assert "no label is called 'm9'" in complaint_after(capsys, ["plot", "out", "--x", "m9", "--y", "m1"])


def test_several_runs_are_redrawn_or_overlaid(pallet: str, capsys: Captured) -> None:
    for name, where in (("a", "m1>0"), ("b", "m2>0")):
        assert main.run(["scan", pallet, "--quiet", "-o", name, "--where", where]) == 0
    assert main.run(["plot", "a", "b"]) == 0
    out, err = capsys.readouterr()
    assert [line.split("/")[0] for line in out.split()] == ["a"] * 3 + ["b"] * 3
    assert "-o FILE draws them into one picture" in err
    command = [
        "plot",
        "a",
        "b",
        "-o",
        "both.svg",
        "--label",
        "A",
        "--label",
        "B",
        "--format",
        "png,pdf",
        "--interpolation",
        "rbf",
    ]
    assert main.run([*command, "--style", "cms"]) == 0
    assert capsys.readouterr().out.split() == ["both.svg", "both.png", "both.pdf", "both.json"]
    overlaid = json.loads(Path("both.json").read_text())["overlaid"]
    assert [(one["label"], one["run"], one["interpolation"]) for one in overlaid] == [("A", "a", "rbf"), ("B", "b", "rbf")]
    Path("limit.csv").write_text("x\n1\n")
    assert "limit.csv, line 1: there is one column" in complaint_after(capsys, ["plot", "a", "--published", "limit.csv"])


def test_export_for_hepdata(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet", "-o", "out"]) == 0
    assert main.run(["export", "out", "--hepdata"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["out/hepdata/submission.yaml", "out/hepdata/cls.yaml"]


def complaint_after(capsys: Captured, arguments: list[str]) -> str:
    capsys.readouterr()
    return complaint(arguments, capsys)


def test_export(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet", "-o", "out"]) == 0
    assert main.run(["export", "out", "--csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("name,m1,m2,CLs_obs,CLs_exp_m2,")
    assert len(rows) == 12
    assert main.run(["export", "out", "--workspace", "sig_300_40", "-o", "ws.json"]) == 0
    samples = json.loads(Path("ws.json").read_text())["channels"][0]["samples"]
    assert [sample["name"] for sample in samples] == ["signal", "bkg"]
    line = complaint_after(capsys, ["export", "out", "--workspace", "sig_300_41"])
    assert "did you mean sig_300_40?" in line
    fakes.write_pallet(Path("toy"), fakes.grid(2, 2))
    assert "has changed since it was scanned" in complaint(["export", "out", "--workspace", "sig_300_40"], capsys)
    Path("toy/BkgOnly.json").unlink()
    assert "cannot be opened again" in complaint(["export", "out", "--workspace", "sig_300_40"], capsys)


def _run_in_a_process(code: str, *arguments: str) -> "subprocess.Popen[str]":
    root = str(Path(__file__).resolve().parents[3])
    code = f"import sys; sys.path.insert(0, {root!r})\n" + code
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c(pallet: str) -> None:
    # A shell that starts the tests in the background has its children ignore the signal; a user's terminal does not.
    code = (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from hfx.driver.cli import main\nfrom hfx.driver.scan import scan\n"
        "scan._worker_function = lambda: lambda task: time.sleep(60)\nmain.main()"
    )
    process = _run_in_a_process(code, "scan", pallet)
    deadline = time.monotonic() + 30
    while not Path("hfx-runs/toy/results.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(2)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "hfx: stopped; nothing kept yet; to continue: hfx scan toy -o hfx-runs/toy"


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "from hfx.driver.cli import main\n"
        "code = main.run(['--help'])\n"
        "heavy = {'torch', 'numba', 'matplotlib', 'numpy', 'scipy', 'httpx'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _, err = _run_in_a_process(code).communicate(timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert err == "[]\n"
    assert min(times) < 0.6  # seconds of CPU, some 0.25 as a rule: what others do to the clock is not ours


def test_another_plane_leaves_behind_what_belongs_to_the_old_one(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet", "-o", "out", "--theory-band", "0.2", "--forbidden", "y>x-1"]) == 0
    capsys.readouterr()
    assert main.run(["plot", "out"]) == 0
    same = json.loads(Path("out/contour.json").read_text())["curves"]
    assert "theory-up" in {curve["which"] for curve in same}
    assert capsys.readouterr().err == ""
    assert main.run(["plot", "out", "--y", "m1-m2", "-o", "other"]) == 0
    other = json.loads(Path("other/contour.json").read_text())["curves"]
    assert not any(curve["which"].startswith("theory") for curve in other)
    assert "the theory band is left out: it was made over m1 and m2" in capsys.readouterr().err


def test_names_of_labels_are_kept_and_replaced(pallet: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(pallet, "labels.yaml").write_text("m1: {latex: m_A, unit: TeV}")
    Path("titles.json").write_text('{"m1": {"latex": "m_B"}}')
    assert main.run(["scan", pallet, "--quiet", "-o", "out"]) == 0
    assert json.loads(Path("out/run.json").read_text())["pallet"]["label_titles"] == {"m1": {"latex": "m_A", "unit": "TeV"}}
    assert main.run(["scan", pallet, "--quiet", "-o", "out", "--label-titles", "titles.json"]) == 0
    assert json.loads(Path("out/scan.json").read_text())["pallet"]["label_titles"] == {"m1": {"latex": "m_B"}}
    drawn: list[Any] = []
    monkeypatch.setattr(
        "hfx.driver.plot.scan_picture._picture",
        lambda scan, *_: drawn.append(scan["pallet"]["label_titles"]) or [Path("contour.png")],
    )
    Path("titles.json").write_text('{"m1": {"latex": "m_C"}}')
    assert main.run(["plot", "out", "--label-titles", "titles.json"]) == 0
    assert main.run(["plot", "out"]) == 0
    assert drawn == [{"m1": {"latex": "m_C"}}, {"m1": {"latex": "m_B"}}]
    capsys.readouterr()
    Path("titles.json").write_text('{"m1":\n "m_C"}')
    assert "titles.json, line 2: there is no mapping" in complaint_after(capsys, ["plot", "out", "--label-titles", "titles.json"])
    Path(pallet, "labels.yaml").write_text("m1: [1]")
    assert "toy/labels.yaml, line 1" in complaint_after(capsys, ["scan", pallet, "-o", "new"])


def test_conditions_of_plot_are_joined(pallet: str, capsys: Captured) -> None:
    assert main.run(["scan", pallet, "--quiet", "-o", "out"]) == 0
    capsys.readouterr()
    assert main.run(["plot", "out", "--where", "m1>200 or m2>0", "--where", "m2==0", "-o", "slice.svg"]) == 0
    assert capsys.readouterr().out.split() == ["slice.pdf", "slice.png", "slice.json"]
    assert json.loads(Path("slice.json").read_text())["choice"] == "CLs is drawn against m1: only m1 varies."
