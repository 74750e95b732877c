import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.pictures import data_url, lossless_url

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.mark.parametrize(("url", "kind"), [(data_url, "JPEG"), (lossless_url, "PNG")])
def test_a_picture_travels_inside_a_url(url, kind):
    image = opened(url(PICTURE))
    assert (image.format, image.size) == (kind, (30, 20))


def test_colours_keep_their_order():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    assert np.array_equal(np.asarray(opened(lossless_url(red))), red)
    assert np.asarray(opened(data_url(red)))[4, 4, 0] > 190
