"""Records the odd images of ImageNet in small, and what Pillow makes of them, for packages/datasets:

    python bench/record/odd_images.py > packages/datasets/src/provision/testing/odd-images.json

A CMYK JPEG as Adobe's programs write it (inks inverted) and a PNG that is named as a JPEG. The colours are soft, so that
a JPEG of half the colour resolution keeps them nearly as they are. Pixels are those of Image.convert("RGB").
"""

import base64
import io
import json
import sys

import numpy as np
import PIL
from PIL import Image

HEIGHT, WIDTH = 40, 48
y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
soft = np.stack(
    [128 + 100 * np.sin(x / 15), 128 + 90 * np.cos(y / 13), 40 + 2 * x + y], axis=2
).clip(0, 255).astype(np.uint8)
rgb = Image.fromarray(soft)
cmyk = Image.fromarray(np.concatenate([255 - soft, (20 + (x + y) / 2)[:, :, None].astype(np.uint8)], axis=2), "CMYK")


def encoded(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


files = {
    "cmyk.JPEG": encoded(cmyk, format="JPEG", quality=100, subsampling=0),
    "png.JPEG": encoded(rgb, format="PNG"),
}


def text(data):
    return base64.b64encode(data).decode()


json.dump(
    {
        "pillow": PIL.__version__,
        "height": HEIGHT,
        "width": WIDTH,
        "files": {
            name: {"file": text(data), "pixels": text(Image.open(io.BytesIO(data)).convert("RGB").tobytes())}
            for name, data in files.items()
        },
    },
    sys.stdout,
    indent=1,
)
print()
