#!/usr/bin/env bash
# Hummingbird compiles a dozen models and steps of scikit-learn to tensors without one of their settings.
#
# Guess: hummingbird.ml.convert, which refuses what it does not know (RidgeClassifier, an `init` of gradient boosting), gives
# the answers of what it converts.
# Seen on 2026-12-01, hummingbird-ml 0.4.12, scikit-learn 1.9.1, PyTorch 2.13.0, NumPy 2.4.6, Python 3.11, no error, no
# warning that says so; off by more than:
#   LogisticRegression of three classes                0.4 in a probability: they are of one class against the rest
#   HistGradientBoostingRegressor, poisson and gamma   0.5: the answer is its logarithm
#   HistGradientBoostingRegressor, categories          5
#   forest, tree and boosting with missing values      0.5 and 0.3 in a probability, 5 in a regression
#   GradientBoostingClassifier, exponential            0.1 in a probability
#   SVC of a sigmoid kernel                            another class for more than 20 of 400 rows
#   StandardScaler(with_mean=False)                    0.05
#   MaxAbsScaler(clip=True), MinMaxScaler(clip=True)   0.5, 0.3: not clipped
#   OneHotEncoder, drop and min_frequency              all columns: 5 for 4, and 5 for 2
#   SimpleImputer(add_indicator=True)                  4 columns for 8: without those that tell what was missing
# Sound in the same run: forests and boosting without missing values, LogisticRegression of two classes, SVC of a
# polynomial kernel, StandardScaler, MinMaxScaler, OneHotEncoder, SimpleImputer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hummingbird-ml==0.4.12 scikit-learn==1.9.1 torch==2.13.0 \
  numpy==2.4.6 scipy==1.17.1 joblib==1.6.0 threadpoolctl==3.8.0 onnx==1.16.1 protobuf==7.36.2 \
  onnxconverter-common==1.16.0 dill==0.4.1 psutil==7.2.2 setuptools==80.10.2
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform
import warnings
from importlib.metadata import version

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own imports
    import hummingbird.ml

names = ("hummingbird-ml", "scikit-learn", "torch", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
random = np.random.default_rng(0)
rows = random.normal(size=(400, 4)).astype("float32")
two = (rows[:, 0] + 0.5 * rows[:, 1] + 0.6 * random.normal(size=400) > 0).astype(int)
three, target = two + (rows[:, 2] > 1), rows[:, 0] * 3 + rows[:, 1] ** 2
holes = np.where(random.random(rows.shape) < 0.2, np.float32(np.nan), rows)
codes = (np.arange(400) % 5).astype("float32")
coded, rare = np.c_[rows[:, :3], codes], np.minimum(np.arange(400) % 7, 4)[:, None]


def ask(model, asked):
    method = next(name for name in ("predict_proba", "transform", "predict") if hasattr(model, name))
    return np.asarray(getattr(model, method)(asked), "float64")


def compare(model, asked, goal=None):
    """Return the answers of scikit-learn and of its copy."""
    model.fit(rows if asked is far else asked, goal)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Creating a tensor from a list")
        copy = hummingbird.ml.convert(model, "torch", asked[:50])
    if isinstance(model, SVC):
        return model.predict(asked), copy.predict(asked)
    return ask(model, asked), np.asarray(getattr(copy, "transform" if hasattr(model, "transform") else "predict_proba"
                                                 if hasattr(model, "predict_proba") else "predict")(asked), "float64")


far = rows * np.float32(1.7)
boosting, small = {"max_iter": 10}, {"n_estimators": 10, "max_depth": 4, "random_state": 0}
positive, with_codes = np.exp(target / 5), target + 5 * (codes == 2)
OFF = {
    "LogisticRegression, three classes": (LogisticRegression(), rows, three, 0.4),
    "HistGradientBoostingRegressor, categories": (HistGradientBoostingRegressor(categorical_features=[3], **boosting), coded, with_codes, 5),
    "RandomForestClassifier, missing values": (RandomForestClassifier(**small), holes, three, 0.5),
    "DecisionTreeRegressor, missing values": (DecisionTreeRegressor(max_depth=4, random_state=0), holes, target, 5),
    "HistGradientBoostingClassifier, missing values": (HistGradientBoostingClassifier(**boosting), holes, two, 0.3),
    "GradientBoostingClassifier, exponential": (GradientBoostingClassifier(loss="exponential", n_estimators=10, random_state=0), rows, two, 0.1),
    "StandardScaler(with_mean=False)": (StandardScaler(with_mean=False), rows, None, 0.05),
    "MaxAbsScaler(clip=True)": (MaxAbsScaler(clip=True), far, None, 0.5),
    "MinMaxScaler(clip=True)": (MinMaxScaler(clip=True), far, None, 0.3),
}
for name, (model, asked, goal, least) in OFF.items():
    expected, answer = compare(model, asked, goal)
    off = np.abs(expected.ravel() - answer.ravel()).max()
    print(name, "off by", round(off, 3))
    assert off > least, name
for loss in ("poisson", "gamma"):
    expected, answer = compare(HistGradientBoostingRegressor(loss=loss, **boosting), rows, positive)
    print(loss, "scikit-learn", expected[:3], "Hummingbird", answer.ravel()[:3])
    assert np.abs(np.exp(answer.ravel()) - expected).max() < 1e-4 and np.abs(answer.ravel() - expected).max() > 0.5, loss
model = LogisticRegression().fit(rows, three)
alone = 1 / (1 + np.exp(-model.decision_function(rows).astype("float64")))
rest = alone / alone.sum(axis=1, keepdims=True)
nearest = min(np.abs(compare(model, rows, three)[1] - each).max() for each in (alone, rest))
print("LogisticRegression is one class against the rest to", nearest)
assert nearest < 1e-4
expected, answer = compare(SVC(kernel="sigmoid", gamma=0.1, coef0=0.5), rows, two)
print("SVC of a sigmoid kernel, other classes:", (expected != answer).sum())
assert (expected != answer).sum() > 20
COLUMNS = {
    "OneHotEncoder(drop)": (OneHotEncoder(drop="first", sparse_output=False), rare, 4, 5),
    "OneHotEncoder(min_frequency)": (OneHotEncoder(min_frequency=90, sparse_output=False), rare, 2, 5),
    "SimpleImputer(add_indicator)": (SimpleImputer(add_indicator=True), holes, 8, 4),
}
for name, (model, asked, columns, found) in COLUMNS.items():
    expected, answer = compare(model, asked)
    print(name, "columns", expected.shape[1], answer.shape[1])
    assert (expected.shape[1], answer.shape[1]) == (columns, found), name
SOUND = [
    (RandomForestClassifier(**small), rows, three),
    (HistGradientBoostingClassifier(**boosting), rows, two),
    (HistGradientBoostingRegressor(**boosting), rows, target),
    (GradientBoostingClassifier(n_estimators=10, random_state=0), rows, three),
    (LogisticRegression(), rows, two),
    (SVC(kernel="poly", coef0=1), rows, two),
    (StandardScaler(), rows, None),
    (MinMaxScaler(), far, None),
    (OneHotEncoder(sparse_output=False), rare, None),
    (SimpleImputer(), holes, None),
]
for model, asked, goal in SOUND:
    expected, answer = compare(model, asked, goal)
    assert np.abs(expected.ravel() - answer.ravel()).max() < 1e-4, model
for model in (RidgeClassifier(), GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2)):
    try:
        hummingbird.ml.convert(model.fit(rows, two), "torch")
    except Exception as error:
        print("refused:", type(model).__name__, type(error).__name__)
    else:
        raise AssertionError(f"{model} is converted")
PY
