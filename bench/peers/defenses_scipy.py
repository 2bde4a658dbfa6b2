"""Defenses by SciPy, scikit-image and OpenCV, for bench/defenses.js; what a Python lacks is left out.

    python defenses_scipy.py IMAGES HEIGHT WIDTH      IMAGES: raw 8-bit RGB, one after the other

The first line it prints is JSON: versions, and the names that it can time; then for each name of its input a line of
milliseconds, one an image. Pixels are float32 in [0, 1], as the defenses of this project are given them.
"""

import json
import sys
import time

import numpy

path, height, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
levels = numpy.fromfile(path, numpy.uint8).reshape(-1, height, width, 3)
images = [numpy.ascontiguousarray(image, numpy.float32) / numpy.float32(255) for image in levels]
versions = [f"numpy {numpy.__version__}"]
operations = {}

try:
    import scipy
    from scipy import ndimage

    versions.append(f"SciPy {scipy.__version__}")
    operations["median_filter 2"] = lambda x: ndimage.median_filter(x, size=(2, 2, 1))
    operations["median_filter 3"] = lambda x: ndimage.median_filter(x, size=(3, 3, 1))
    operations["median_filter 5"] = lambda x: ndimage.median_filter(x, size=(5, 5, 1))
    operations["median_filter 3 across channels"] = lambda x: ndimage.median_filter(x, size=3)
    operations["gaussian_blur 1"] = lambda x: ndimage.gaussian_filter(x, sigma=(1, 1, 0))
except ImportError:
    pass
try:
    import skimage
    from skimage.restoration import denoise_tv_bregman

    versions.append(f"scikit-image {skimage.__version__}")
    operations["tv_bregman 30"] = lambda x: denoise_tv_bregman(x, weight=30)
    operations["tv_bregman 5"] = lambda x: denoise_tv_bregman(x, weight=5)
    operations["tv_bregman 30 anisotropic"] = lambda x: denoise_tv_bregman(x, weight=30, isotropic=False)
except ImportError:
    pass
try:
    import cv2

    cv2.setNumThreads(1)
    versions.append(f"OpenCV {cv2.__version__}, one thread")
    operations["non_local_means 13-3-4"] = lambda x: cv2.fastNlMeansDenoising(
        (x * 255).round().astype(numpy.uint8), None, 4, 3, 13
    )
except ImportError:
    pass

print(json.dumps({"versions": ", ".join(versions), "can": list(operations)}), flush=True)
for line in sys.stdin:
    operation = operations[line.strip()]
    times = []
    for image in images:
        start = time.perf_counter()
        operation(image)
        times.append((time.perf_counter() - start) * 1e3)
    print(*times, flush=True)
