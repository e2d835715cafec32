"""Linear classifiers: the same as scikit-learn's, in less memory."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from dcgan_sweeps.probing import svm
from dcgan_sweeps.probing.svm import Classifier, choose_c, make_problem, measure_accuracies


def draw_data(random, count, width, classes):
    labels = np.arange(count) % classes
    centres = random.standard_normal((classes, width))
    return centres[labels] + 2 * random.standard_normal((count, width)), labels


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("width", [30, 400])  # fewer than images, and more
@pytest.mark.parametrize("c", [1e-4, 1e-1])
def test_a_classifier_is_that_of_scikit_learn(width, classes, c, random):
    features, labels = draw_data(random, 120, width, classes)
    own = make_problem(features, labels).fit(c)
    theirs = LinearSVC(C=c, dual="auto", max_iter=100_000, random_state=0).fit(features, labels)
    scores = features @ own.weights + own.biases
    expected = theirs.decision_function(features)
    if classes == 2:
        expected = np.stack([-expected, expected], axis=1)
    # The same steps of the same solver: our weights are rounded to float32.
    assert np.allclose(scores, expected, atol=1e-5)


def test_equal_images_and_dead_features_do_not_matter(random):
    features, labels = draw_data(random, 40, 200, 4)
    features[1::4] = features[1]
    features[:, ::3] = 0
    weights = make_problem(features, labels).fit(0.01).weights
    assert np.isfinite(weights).all()
    assert np.abs(weights[::3]).max() < 1e-6


def test_accuracies_are_those_of_each_classifier_however_many_are_in_memory(random, monkeypatch):
    features, labels = draw_data(random, 90, 20, 3)
    problems = [make_problem(features[i::2], labels[i::2]) for i in (0, 1)]
    classifiers = [problem.fit(c) for problem in problems for c in (1, 9)]
    features32, asked = features.astype(np.float32), []

    def read(part):
        asked.append(part)
        return features32[part]

    names = np.array([4, 7, 9])
    expected = [
        np.mean((features32 @ each.weights + each.biases).argmax(axis=1) == labels)
        for each in classifiers
    ]
    monkeypatch.setattr(svm, "READ", 40)
    monkeypatch.setattr(svm, "WEIGHT_BYTES", 3 * classifiers[0].weights.nbytes)
    found = measure_accuracies(read, names[labels], names, iter(classifiers))
    assert found.tolist() == expected
    assert len(asked) == 2 * 3  # groups of three classifiers and one, parts of 40, 40 and 10


def test_a_classifier_is_asked_for_only_as_memory_is_free(monkeypatch):
    one = Classifier(np.ones((5, 2), np.float32), np.zeros(2, np.float32))
    alive = []

    def make():
        for number in range(6):
            alive.append(number)
            yield one

    def read(part):
        assert len(alive) % 2 == 0
        return np.ones((1, 5), np.float32)

    monkeypatch.setattr(svm, "WEIGHT_BYTES", 2 * one.weights.nbytes)
    shares = measure_accuracies(read, np.array([0]), np.array([0, 1]), make())
    assert shares.tolist() == [1.0] * 6


@pytest.mark.parametrize("best", [3e-7, 1e-4, 1e-3, 1e-2, 0.05, 8.0])
def test_c_has_the_lowest_error_even_beyond_the_values_of_the_paper(best):
    asked = []

    def measure(values):
        asked.append(list(values))
        return [abs(np.log(c / best)) for c in values]

    c, errors = choose_c(measure)
    assert c == min(errors, key=lambda each: abs(np.log(each / best)))
    assert abs(np.log(c / best)) <= np.log(2)
    assert asked[0] == [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2]
    assert list(errors) == sorted({each for values in asked for each in values})
    assert min(errors) < c < max(errors)


def test_the_search_for_c_ends_where_the_error_only_falls():
    c, errors = choose_c(lambda values: [1 / c for c in values])
    assert c == max(errors) == 1e5
    c, errors = choose_c(list)
    assert c == min(errors) == 1e-9


def test_equal_errors_do_not_widen_the_search():
    c, errors = choose_c(lambda values: [0.5 for _ in values])
    assert (c, len(errors)) == (1e-3, 7)
