"""Two groups of measurements in, a class and a value out: whose order must not be taken for granted."""

import numpy as np

from core.demos.base import (
    Data,
    Demo,
    InputField,
    Model,
    Split,
    TrainSettings,
    accuracy_score,
    bundled_file,
    split_rows,
)
from core.demos.keras_training import fit_keras

# The columns of each input; in scikit-learn's table they stand in this order, behind the alcohol (column 0).
MINERALS = {
    "Malic acid": (0.7, 5.8, 2.36),
    "Ash": (1.3, 3.3, 2.37),
    "Alcalinity of ash": (10.0, 30.0, 19.5),
    "Magnesium": (70.0, 162.0, 98.0),
    "Proline": (278.0, 1680.0, 673.0),
}
COLOURS = {
    "Total phenols": (0.9, 3.9, 2.36),
    "Flavanoids": (0.3, 5.1, 2.13),
    "Other phenols": (0.1, 0.7, 0.34),
    "Proanthocyanins": (0.4, 3.6, 1.56),
    "Colour intensity": (1.2, 13.0, 4.69),
    "Hue": (0.4, 1.8, 0.96),
    "OD280/OD315 when diluted": (1.2, 4.0, 2.78),
}
VARIETIES = ("Variety 1", "Variety 2", "Variety 3")


def data(settings: TrainSettings) -> Data:
    """Wines as two float32 inputs of 5 and 7 columns, with the one-hot variety and the alcohol in % of volume."""
    from sklearn.datasets import load_wine

    table = load_wine()
    wines = _name_columns(table.data.astype("float32"), table.target)
    return split_rows(wines.inputs, wines.targets, table.target)


def sample() -> Split:
    """All wines, not split, read without scikit-learn."""
    path = bundled_file("sklearn", "datasets", "data", "wine_data.csv")
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return _name_columns(table[:, :-1].astype("float32"), table[:, -1].astype(int))


def _name_columns(values: np.ndarray, classes: np.ndarray) -> Split:
    inputs = {"minerals": values[:, [1, 2, 3, 4, 12]], "colours": values[:, 5:12]}
    variety = np.eye(len(VARIETIES), dtype="float32")[classes]
    return Split(inputs, {"variety": variety, "alcohol": values[:, :1]})


def build(settings: TrainSettings) -> Model:
    """The model; both inputs are scaled by what the training rows show."""
    import keras
    from keras import layers

    inputs, branches = [], []
    for name, rows in data(settings).train.inputs.items():
        scale = layers.Normalization(name=f"{name}_scaled")
        scale.adapt(rows)
        inputs.append(keras.Input((rows.shape[1],), name=name))
        branches.append(layers.Dense(settings.hidden_units, activation="relu")(scale(inputs[-1])))
    both = layers.Concatenate()(branches)
    variety = layers.Dense(len(VARIETIES), activation="softmax", name="variety")(both)
    # Alcohol lies near 13 % in all of these wines: the layer learns how far a wine is from there.
    alcohol = layers.Dense(1, bias_initializer=keras.initializers.Constant(13.0), name="alcohol")(both)
    model = keras.Model(inputs, [variety, alcohol], name="wine")
    losses = ["categorical_crossentropy", keras.losses.MeanSquaredError()]
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss=losses, metrics=[["accuracy"], ["mae"]])
    return model


def _number_fields(name: str, columns: dict[str, tuple[float, float, float]]) -> tuple[InputField, ...]:
    return tuple(
        InputField(name, label, "number", example, minimum=minimum, maximum=maximum)
        for label, (minimum, maximum, example) in columns.items()
    )


DEMO = Demo(
    key="two-in-two-out",
    label="Know a wine by its chemistry",
    predicts="The variety of grape, one of three, and the alcohol in % of volume",
    data_description="178 Italian wines: five measurements of minerals and acids, seven of colour",
    model_description="Keras: inputs minerals and colours, Dense(16, relu) for each, outputs variety and alcohol",
    demonstrates="Two inputs and two outputs by name: formats rename them, or sort them by the alphabet.",
    source="Wine recognition data, M. Forina et al., UCI Machine Learning Repository, as bundled with scikit-learn "
    "(BSD 3-Clause licence), which states no licence of the data alone.",
    kind="keras",
    labels=VARIETIES,
    datasets={"wine": "178 wines with 13 measurements, bundled with scikit-learn: works offline"},
    input_fields=_number_fields("minerals", MINERALS) + _number_fields("colours", COLOURS),
    unit="% of volume",
    data=data,
    sample=sample,
    build=build,
    score=accuracy_score,
    train=fit_keras,
    defaults=TrainSettings(dataset="wine", hidden_units=16, epochs=30, batch_size=16, learning_rate=0.003),
)
