"""`chainrule evaluate` and `chainrule predict`: a run folder read back, and tables of inputs."""

import csv
import json
import shutil

import pytest

import chainrule as cr
from chainrule.__main__ import main
from command_line import iris_csv, start

pytest.importorskip("sklearn")


def test_evaluate_repeats_the_test_figures(runs, capsys):
    for name in ("iris", "diabetes"):
        assert main(["evaluate", str(runs / name)]) == 0
        lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
        summary = json.loads((runs / name / "summary.json").read_text())
        for figure, value in lines.items():
            assert float(value) == pytest.approx(summary[figure], abs=1e-6)


def test_evaluate_without_the_name_of_a_folder(fails, runs):
    fails(["evaluate", runs / "iris", "--data-dir", ""], "--data-dir", "expected the name")


@pytest.mark.parametrize("header", [True, False])
def test_predict_classes(runs, tmp_path, capsys, header):
    labels = iris_csv(tmp_path / "x.csv", header)
    assert main(["predict", str(runs / "iris"), str(tmp_path / "x.csv"), "--probabilities"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    names = ["setosa", "versicolor", "virginica"]
    right = [row["prediction"] == names[label] for row, label in zip(rows, labels, strict=True)]
    assert sum(right) > 0.9 * len(right)
    for row in rows:
        shares = {name: float(row[name]) for name in names}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert shares[row["prediction"]] == max(shares.values()) == float(row["probability"])


def test_predict_takes_named_columns_in_any_order(runs, tmp_path, capsys):
    iris_csv(tmp_path / "x.csv", rows=20)
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.reader(file))
    with open(tmp_path / "y.csv", "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([["n", *row[::-1]] for row in rows])
    answers = []
    for name in ("x.csv", "y.csv"):
        assert main(["predict", str(runs / "iris"), str(tmp_path / name)]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert answers[0].count("\n") == 21


def test_predict_values_in_their_units(runs, tmp_path, capsys):
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    (tmp_path / "x.csv").write_text("\n".join(",".join(map(str, row)) for row in data.data[:50]))
    assert main(["predict", str(runs / "diabetes"), str(tmp_path / "x.csv")]) == 0
    values = [float(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(values) == 50
    assert 80 < sum(values) / 50 < 220


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no rows"]),
        ("a,b,c,d\n1,2,3,4\n", ["without sepal length (cm), sepal width (cm), petal length (cm)"]),
        ("5.l,3.5,1.4,0.2\n6,3,4,1\n", ["line 1, column 1", "'5.l'"]),
        (",3.5,1.4,0.2\n6,3,4,1\n", ["line 1, column 1", "''"]),
        ("1,2,3\n", ["line 1", "expected 4 columns; got 3"]),
        ("1,2,3,4\n1,2,3,4,5\n", ["line 2", "got 5"]),
        ("1,2,3,4\n1,2,x,4\n", ["line 2, column 3", "'x'"]),
        ("1,2,3,4\n1,2,,4\n", ["line 2, column 3", "''"]),
        ("1,2,3,4\n\n1,2,nan,4\n", ["line 3, column 3", "finite"]),
        ("1,2,3,inf\n", ["line 1, column 4", "finite"]),
        ("sepal length (cm),b,c,d\n1,2,3,4\n", ["without sepal width (cm)"]),
        ("a,b\n1,2\n", ["got 2"]),
        ("1,2,3,4\n1,2,1e39,4\n", ["line 2, column 3", "float32", "got 1e39"]),
        ("1,2,3,1e308\n", ["line 1, column 4", "float32"]),
        ("1,2,3,1_0\n", ["line 1, column 4", "expected a number; got '1_0'"]),
        ("1;2;3;4\n", ["separated by a semicolon"]),
        ("5,1;3,5;1,4;0,2\n", ["got 5", "separated by a semicolon"]),
        ("1\t2\t3\t4\n", ["separated by a tab"]),
        ("a;b;c;d\n1;2;3;4\n", ["got 1", "separated by a semicolon"]),
        ("1,2,3,4\n1\t2\t3\t4\n", ["line 2", "separated by a tab"]),
        (b"\xff\xfe\x00", ["UTF-8"]),
        (b"PK\x03\x04\x00\x00", ["x.csv"]),
    ],
)
def test_bad_csv(fails, runs, tmp_path, text, words):
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "x.csv").write_bytes(content)
    fails(["predict", runs / "iris", tmp_path / "x.csv"], "x.csv", *words)


def test_predictions_that_overflow(fails, iris, tmp_path):
    iris_csv(tmp_path / "x.csv", rows=3)
    state = cr.load(iris / "model.safetensors")
    cr.save({name: value.fill_(3e38) for name, value in state.items()}, iris / "model.safetensors")
    fails(["predict", iris, tmp_path / "x.csv"], "x.csv, line 2: expected a finite prediction")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("iris", float("nan"), "finite outputs"), ("diabetes", 1e9, "a finite loss")],
)
def test_evaluate_of_damaged_weights(fails, runs, tmp_path, name, value, words):
    folder = shutil.copytree(runs / name, tmp_path / "run")
    state = cr.load(folder / "model.safetensors")
    cr.save(
        {key: weight.fill_(value) for key, weight in state.items()}, folder / "model.safetensors"
    )
    fails(["evaluate", folder], f"[evaluate] expected {words}", "The weights are damaged.")


def test_a_column_that_stands_twice(fails, runs, tmp_path):
    iris_csv(tmp_path / "x.csv")
    lines = (tmp_path / "x.csv").read_text().splitlines()
    text = "".join(f"{line},{line.partition(',')[0]}\n" for line in lines)
    (tmp_path / "x.csv").write_text(text)
    fails(["predict", runs / "iris", tmp_path / "x.csv"], "has 'sepal length (cm)' twice")


def test_a_csv_that_is_not_there(fails, runs, tmp_path):
    fails(["predict", runs / "iris", tmp_path / "no.csv"], "cannot read", "No such file")
    fails(["predict", runs / "iris", tmp_path], "cannot read", "directory")
    (tmp_path / "x.csv").write_text("1,2,3,4,5,6,7,8,9,10\n")
    arguments = ["predict", runs / "diabetes", tmp_path / "x.csv", "--probabilities"]
    fails(arguments, "regression")


def test_a_pipe_that_closes_early(runs, tmp_path):
    iris_csv(tmp_path / "x.csv", header=False)
    (tmp_path / "x.csv").write_text((tmp_path / "x.csv").read_text() * 200)
    process = start(["predict", runs / "iris", tmp_path / "x.csv"])
    assert process.stdout.readline() == "prediction,probability\n"
    process.stdout.close()
    process.stdout = None
    _, error = process.communicate(timeout=120)
    assert error == ""
