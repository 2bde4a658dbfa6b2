"""Records what libjpeg-turbo makes of drawn images, for the tests of the JPEG kernel.

    python bench/record/jpeg.py > packages/defenses/src/jpeg-kernel/testing/recorded.json

Needs numpy, Pillow (libjpeg-turbo, accurate inverse DCT) and simplejpeg (TurboJPEG, for the fast inverse DCT).
"""

import hashlib
import io
import json

import numpy
import PIL
import simplejpeg
from PIL import Image, features


def drawn_image(seed, channels, height, width):
    """The same pixels as drawnImage in packages/defenses/src/jpeg-kernel/testing/drawn-image.ts."""
    kind, down, across = seed % 4, seed % 37 + 1, seed % 41 + 1
    state = seed
    data = numpy.zeros(height * width * channels, numpy.uint8)
    for i in range(data.size):
        state = (state * 1664525 + 1013904223) % 2**32
        pixel, channel = divmod(i, channels)
        y, x = divmod(pixel, width)
        slope = 255 - abs((y * down + x * across + channel * 100 + seed) % 511 - 255)
        if kind == 0:
            data[i] = state >> 24
        elif kind == 1:
            data[i] = (state >> 31) * 255
        else:
            data[i] = slope if kind == 2 or (x + y) % 13 < 9 else 255 - slope
    return data.reshape((height, width, channels) if channels == 3 else (height, width))


def round_trip(image, quality, subsampling, idct):
    options = {} if image.ndim == 2 else {"subsampling": subsampling}
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, **options)
    if idct == "ifast":
        space = "GRAY" if image.ndim == 2 else "RGB"
        return simplejpeg.decode_jpeg(file.getvalue(), space, fastdct=True, fastupsample=False)
    return numpy.asarray(Image.open(file))


def main():
    cases = []
    for idct in ("islow", "ifast"):
        for subsampling in ("4:2:0", "4:2:2", "4:4:4"):
            for k in range(60):
                seed = len(cases) + 1
                quality = (k * 37 + 11 * len(cases)) % 100 + 1
                height, width = 1 + (k * 7) % 40, 1 + (k * 11 + k // 40) % 41
                if k >= 56:
                    height, width = 64 + k, 131 - k
                channels = 1 if k % 12 == 5 else 3
                pixels = round_trip(drawn_image(seed, channels, height, width), quality, subsampling, idct)
                digest = hashlib.sha256(numpy.ascontiguousarray(pixels).tobytes()).hexdigest()
                cases.append([idct, subsampling, seed, channels, height, width, quality, digest])
    versions = {
        "pillow": PIL.__version__,
        "libjpeg_turbo": features.version("libjpeg_turbo"),
        "simplejpeg": simplejpeg.__version__,
    }
    columns = ["idct", "subsampling", "seed", "channels", "height", "width", "quality", "sha256"]
    rows = ",\n    ".join(json.dumps(case) for case in cases)
    print(f'{{\n  "versions": {json.dumps(versions).replace("{", "{ ").replace("}", " }")},\n  "columns": {json.dumps(columns)},\n  "cases": [\n    {rows}\n  ]\n}}')


main()
