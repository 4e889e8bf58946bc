import numpy as np

from chainrule.data import COLUMNS, SPECIES, iris


def test_iris_is_fifty_flowers_of_each_species():
    measurements, species = iris()
    assert (measurements.shape, measurements.dtype) == ((150, 4), np.float64)
    assert (species.shape, species.dtype) == ((150,), np.int64)
    assert np.array_equal(np.bincount(species), [50, 50, 50])


def test_iris_has_the_group_means_of_fishers_paper():
    measurements, species = iris()
    means = {name: measurements[species == k].mean(axis=0).round(3).tolist() for k, name in enumerate(SPECIES)}
    assert means == {
        "setosa": [5.006, 3.428, 1.462, 0.246],
        "versicolor": [5.936, 2.77, 4.26, 1.326],
        "virginica": [6.588, 2.974, 5.552, 2.026],
    }
    assert COLUMNS == ("sepal_length", "sepal_width", "petal_length", "petal_width")


def test_each_call_gives_arrays_of_its_own():
    measurements, _ = iris()
    measurements[:] = 0
    assert iris()[0].min() > 0
