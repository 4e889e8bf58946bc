import csv
from importlib.resources import files


def test_the_types_are_shipped():
    assert files("chainrule").joinpath("py.typed").is_file()


def test_the_iris_data_are_shipped():
    with files("chainrule").joinpath("data", "iris.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 150
    means = {
        species: [
            round(sum(float(row[column]) for row in rows if row["species"] == species) / 50, 3)
            for column in ("sepal_length", "sepal_width", "petal_length", "petal_width")
        ]
        for species in ("setosa", "versicolor", "virginica")
    }
    # The means that Fisher's paper prints in its table of group means.
    assert means == {
        "setosa": [5.006, 3.428, 1.462, 0.246],
        "versicolor": [5.936, 2.77, 4.26, 1.326],
        "virginica": [6.588, 2.974, 5.552, 2.026],
    }
