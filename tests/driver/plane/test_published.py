"""Published contours in the formats of HEPData, and what is no contour, told in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from hfx.driver.plane.published import read
from hfx.errors import OptionError

PLACES = [[100.0, 10.0], [200.0, 30.5], [300.0, 10.0]]
CSV = (
    "#: table_doi: 10.17182/hepdata.1.v1/t1\n#: name: Expected limit\n#: $\\sqrt{s}$ [GeV],13000\n"
    "M(Sbottom) [GeV],M(N2) [GeV]\n100,10\n200,30.5\n300,10\n"
)


def variable(name: str, values: list[float]) -> dict[str, object]:
    return {"header": {"name": name, "units": "GeV"}, "values": [{"value": value} for value in values]}


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "limit.csv"
    path.write_text(CSV + "\nM(Sbottom) [GeV],M(N2) [GeV]\n1,2\n3,4\n")
    found = read(path)
    assert [line.tolist() for line in found.lines] == [PLACES, [[1, 2], [3, 4]]]
    assert (found.name, found.which) == ("Expected limit", "expected")
    assert found.columns == ("M(Sbottom) [GeV]", "M(N2) [GeV]")


def test_yaml_and_json(tmp_path: Path) -> None:
    xs, ys = map(list, zip(*PLACES, strict=True))
    table = {"independent_variables": [variable("x", xs)], "dependent_variables": [variable("y", ys)]}
    (tmp_path / "obs.yaml").write_text(yaml.safe_dump(table))
    rows = [{"x": [{"value": str(x)}], "y": [{"value": y, "group": 0}]} for x, y in PLACES]
    (tmp_path / "obs.json").write_text(json.dumps({"name": "M60_Obs", "headers": [{"name": "x"}, {"name": "y"}], "values": rows}))
    ours = {
        "x": "x",
        "y": "y",
        "curves": [{"which": "observed", "points": PLACES}, {"which": "expected", "points": [[0, 0], [1, 1]]}],
    }
    (tmp_path / "contour.json").write_text(json.dumps(ours))
    for name in ("obs.yaml", "obs.json", "contour.json"):
        found = read(tmp_path / name)
        assert [line.tolist() for line in found.lines] == [PLACES], name
        assert found.which == "observed"
        assert found.columns == ("x", "y")


def test_two_independent_variables_are_x_and_y(tmp_path: Path) -> None:
    xs, ys = map(list, zip(*PLACES, strict=True))
    table = {"independent_variables": [variable("x", xs), variable("y", ys)], "dependent_variables": [variable("z", [1, 1, 1])]}
    (tmp_path / "t.yml").write_text(yaml.safe_dump(table))
    assert read(tmp_path / "t.yml").lines[0].tolist() == PLACES


OURS = '{"x": "x", "y": "y", "curves": [{"which": "observed", "points": %s}], "panels": []}'


@pytest.mark.parametrize(
    ("points", "words"),
    [("5", "not two finite numbers"), ("[[1, 2], [3]]", "--published"), ("[[1, 2], [3, 1e308], [5, -1e308]]", "beyond 1e\\+15")],
)
def test_points_that_are_in_no_plane_are_refused(points: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "contour.json").write_text(OURS % points)
    with pytest.raises(OptionError, match=words):
        read(tmp_path / "contour.json")


@pytest.mark.parametrize(("name", "which"), [("M60_Exp", "expected"), ("expected-limit", "expected"), ("explus", "observed")])
def test_which_is_told_from_the_name(name: str, which: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    assert read(path).which == which


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "x\n1\n2\n", ", line 1: there is one column; two, x and y, are needed; give a contour as a table of HEPData"),
        ("a.csv", "x,y\n1,2\n3,much\n", ", line 3: '3,much' does not begin with two numbers"),
        ("a.csv", "x,y\n1OO,10\n1,2\n3,4\n", ", line 2: '1OO,10' does not begin with two numbers"),
        ("a.csv", "x,y\n1,2\n", ": it contains no line: two columns of numbers"),
        ("a.csv", "", "it contains no line"),
        ("a.yaml", "- 1\n", "independent_variables and dependent_variables are missing"),
        ("a.yaml", "a: 1\nb: [", ", line 2: it is not YAML (expected the node content"),
        ("a.yaml", "independent_variables: []\n", "fewer than two variables"),
        ("a.json", "{\n,", ", line 2: it is not JSON (Expecting property name"),
        ("a.json", "{}", "it is not a table as HEPData writes them: 'values' is missing"),
        ("a.json", '{"values": [{"x": [{"value": 1}], "y": [{"value": "-"}]}]}', ", row 1: 1, '-' is not two numbers, x and y"),
        ("a.json", '{"curves": [{"which": "observed", "points": [[1, 2], [3, NaN]]}]}', "a point that is not two finite numbers"),
        ("a.json", '{"curves": [{"which": "observed", "points": [[1], [3]]}]}', "a point that is not two finite numbers"),
        ("a.json", '{"values": [{"x": [{"value": 1' + "0" * 400 + '}], "y": [{"value": 1}]}]}', "is not two numbers, x and y"),
        ("a.json", "[" * 100_000, "it is nested too deeply"),
        ("a.yaml", "[" * 1_000_000, "it is nested too deeply"),
        ("a.yaml", "- " * 3_000, "it is nested too deeply"),
        ("a.yaml", "a: &a [*a]", "fewer than two variables"),
        ("a.txt", "1 2", "its name does not end in .csv, .yaml or .json"),
    ],
)
def test_what_is_no_contour_is_told_in_one_line(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(OptionError) as caught:
        read(tmp_path / name)
    assert words in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_of_others_are_made_printable(tmp_path: Path) -> None:
    text = "#: name: red \x1b[31m\nm\u202e1,m2\x07\n1,2\n3,4\n"
    (tmp_path / "a.csv").write_text(text)
    found = read(tmp_path / "a.csv")
    assert (found.name, found.columns) == ("red \\u001b[31m", ("m\\u202e1", "m2\\u0007"))


def test_a_file_that_is_not_there_or_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="No such file"):
        read(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(OptionError, match="it is not a text file"):
        read(tmp_path / "picture.csv")


@pytest.mark.parametrize("name", ["M60", "DM130"])
def test_the_published_ones_are_closed_rings(name: str, shared: Path) -> None:
    (line,) = read(shared / "pallets" / f"sbottom-observed-{name}.csv").lines
    assert len(line) > 200
    assert np.array_equal(line[0], line[-1])
