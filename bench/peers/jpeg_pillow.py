"""JPEG round trips by Pillow, for bench/jpeg.js: reads raw RGB images, then times one round for each line of its input.

    python jpeg_pillow.py IMAGES HEIGHT WIDTH      IMAGES: raw 8-bit RGB, one after the other

The first line it prints names the versions; then for each "jpeg QUALITY" or "slq" a line of milliseconds, one an image.
"""

import io
import sys
import time

import numpy
import PIL
from PIL import Image, features

path, height, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
pixels = numpy.fromfile(path, numpy.uint8).reshape(-1, height, width, 3)
images = [Image.fromarray(image) for image in pixels]
generator = numpy.random.default_rng(2018)


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    decoded = Image.open(file)
    decoded.load()
    return decoded


def slq(image):
    """Four round trips, and a quality drawn for each patch of 8 × 8, as SHIELD's own code does."""
    trips = numpy.stack([numpy.asarray(jpeg(image, quality)) for quality in (20, 40, 60, 80)])
    choice = generator.integers(4, size=(-(-height // 8), -(-width // 8)))
    mask = choice.repeat(8, axis=0).repeat(8, axis=1)[:height, :width, None]
    picked = trips[0].copy()
    for k in (1, 2, 3):
        numpy.copyto(picked, trips[k], where=mask == k)
    return picked


print(f"Pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}", flush=True)
for line in sys.stdin:
    name, *quality = line.split()
    times = []
    for image in images:
        start = time.perf_counter()
        if name == "jpeg":
            jpeg(image, int(quality[0]))
        else:
            slq(image)
        times.append((time.perf_counter() - start) * 1e3)
    print(*times, flush=True)
