"""Give two inputs of one width in the wrong order."""

from pathlib import Path

from core.break_it.base import Card, Model, Predict
from core.break_it.models import TWO_DIGITS, small_settings
from core.runtimes.specs import name_outputs


def save(model: Model, folder: Path) -> None:
    model.save(folder / "model.keras")


def pull(folder: Path) -> Predict:
    import keras

    model = keras.saving.load_model(folder / "model.keras")
    return lambda rows: name_outputs(model.predict([rows["ones"], rows["tens"]], verbose=0), model.output_names)


def cure(folder: Path) -> Predict:
    import keras

    model = keras.saving.load_model(folder / "model.keras")
    return lambda rows: name_outputs(
        model.predict({"ones": rows["ones"], "tens": rows["tens"]}, verbose=0), model.output_names
    )


CARD = Card(
    key="swap-two-inputs",
    title="Swap two inputs",
    icon="swap_horiz",
    lever="Give a model its two pictures as a list, in the order of the alphabet.",
    did="Called predict([ones, tens]) on a model whose inputs are tens, then ones.",
    meaning="Both inputs have the same width, so either takes what is meant for the other. Some converters sort inputs "
    "by name, and a list goes by place.",
    remedy="Give inputs by name: predict({'ones': …, 'tens': …}). Then no order can be wrong.",
    demo=TWO_DIGITS,
    settings=small_settings(TWO_DIGITS),
    is_silent=True,
    save=save,
    pull=pull,
    cure=cure,
    report="tensorflow/tensorflow#56985",
)
