"""What the tests of the command line share: a quick run, a table to predict, a subprocess."""

import csv
import subprocess
import sys

QUICK = ["--epochs", "3", "--no-plots", "--progress", "none"]


def iris_csv(path, header=True, rows=150):
    from sklearn.datasets import load_iris

    data = load_iris()
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(data.feature_names)
        writer.writerows(data.data[:rows].tolist())
    return data.target[:rows]


def start(arguments, **options):
    command = [sys.executable, "-m", "chainrule", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
