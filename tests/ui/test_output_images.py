"""Predictions that are pictures, on the Compare page: their differences stand on one scale."""

import base64
import io

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest


def show_three() -> None:
    import numpy as np

    from ui.compare.swipe import show_output_images

    live = np.zeros(4, "float32")
    near, far = live + np.float32(0.1), live + np.float32(0.4)
    show_output_images({"Live": live, "Far": far, "Near": near}, "Live", (2, 2), 7)


def read_ink(element) -> float:
    """The ink of the first pixel of an image, 0 to 1."""
    png = base64.b64decode(element.proto.imgs[0].url.split(",", 1)[1])
    return 1 - np.asarray(Image.open(io.BytesIO(png)))[0, 0] / 255


def test_output_images_differences_share_one_scale():
    app = AppTest.from_function(show_three, default_timeout=30).run()
    assert not app.exception
    images = {image.proto.imgs[0].alt: read_ink(image) for image in app.get("image")}
    assert list(images) == [
        "The answer of Live to row 7",
        "The answer of Far to row 7",
        "Where Far differs in row 7",
        "The answer of Near to row 7",
        "Where Near differs in row 7",
    ]
    assert images["Where Far differs in row 7"] == 1
    assert abs(images["Where Near differs in row 7"] - 0.25) < 0.01
    assert app.caption[-1].value == "All differences to one scale: full ink is 0.4."
    assert app.selectbox[0].options == ["Far", "Near"]
