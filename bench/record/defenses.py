"""Records what SciPy, scikit-image and OpenCV make of drawn images, for the tests of the defenses.

    python bench/record/defenses.py > packages/defenses/src/testing/recorded.json

Needs numpy, scipy, scikit-image and opencv-python-headless.
"""

import base64
import json

import cv2
import numpy
import scipy
import skimage
from scipy import ndimage, optimize
from skimage import restoration


def drawn_image(seed, height, width):
    """The same pixels as floatImage in packages/defenses/src/testing/recorded.ts, float32 in [0, 1]."""
    kind, down, across = seed % 4, seed % 37 + 1, seed % 41 + 1
    state = seed
    data = numpy.zeros(height * width * 3)
    for i in range(data.size):
        state = (state * 1664525 + 1013904223) % 2**32
        pixel, channel = divmod(i, 3)
        y, x = divmod(pixel, width)
        slope = 255 - abs((y * down + x * across + channel * 100 + seed) % 511 - 255)
        if kind == 0:
            data[i] = state >> 24
        elif kind == 1:
            data[i] = (state >> 31) * 255
        else:
            data[i] = slope if kind == 2 or (x + y) % 13 < 9 else 255 - slope
    return (data / 255).astype(numpy.float32).reshape(height, width, 3)


def median_filter(image, size=3, across_channels=False):
    return ndimage.median_filter(image, size=size if across_channels else (size, size, 1))


def tv_bregman(image, weight=30, eps=1e-3, max_iter=100, isotropic=True, stop="together"):
    def denoised(part):
        return restoration.denoise_tv_bregman(part, weight=weight, eps=eps, max_num_iter=max_iter, isotropic=isotropic)

    if stop == "together":
        return denoised(image)
    # Not by channel_axis: scikit-image 0.26 then starts each channel's gradients from the result of the channel before.
    return numpy.stack([denoised(numpy.ascontiguousarray(image[..., c])) for c in range(3)], axis=-1)


def gaussian_blur(image, sigma=1, truncate=4):
    return ndimage.gaussian_filter(image, sigma=(sigma, sigma, 0), truncate=truncate)


def bit_depth(image, bits=5):
    """Xu et al. 2018, section III-B, in 32-bit floats."""
    top = numpy.float32(2**bits - 1)
    return numpy.rint(image * top) / top


def non_local_means(image, search=13, patch=3, strength=4):
    levels = numpy.rint(image * 255).astype(numpy.uint8)
    return cv2.fastNlMeansDenoising(levels, None, strength, patch, search).astype(numpy.float32) / 255


def tvm(image, kept_seed, lambda_tv=0.03, norm=2):
    """The least value of the objective of Guo et al. 2018 for the first channel, by L-BFGS-B; the image is not kept."""
    plane = image[..., 0].astype(numpy.float64)
    kept = drawn_image(kept_seed, *plane.shape)[..., 0] > 0.5
    epsilon = 1e-6  # the square of ROUNDED_OFF in packages/defenses/src/total-variation.ts

    def objective(flat):
        z = flat.reshape(plane.shape)
        off = (z - plane) * kept
        fidelity = numpy.sqrt((off**2).sum() + epsilon)
        gradient = off / fidelity
        value = fidelity
        for axis in (0, 1):
            difference = numpy.diff(z, axis=axis)
            squares = (difference**2).sum(axis=1 - axis, keepdims=True) if norm == 2 else difference**2
            length = numpy.sqrt(squares + epsilon)
            value += lambda_tv * length.sum()
            pull = lambda_tv * difference / length
            low, high = [slice(None)] * 2, [slice(None)] * 2
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            gradient[tuple(high)] += pull
            gradient[tuple(low)] -= pull
        return value, gradient.ravel()

    settings = {"maxiter": 3000, "maxfun": 10000, "maxcor": 20, "ftol": 1e-13, "gtol": 1e-9}
    found = optimize.minimize(objective, plane.ravel(), jac=True, method="L-BFGS-B", options=settings)
    return image, {"kept_seed": kept_seed, "objective": found.fun}


CASES = [
    (median_filter, 4, 9, 14, {}),
    (median_filter, 7, 1, 1, {}),
    (median_filter, 8, 2, 7, {}),
    (median_filter, 12, 11, 6, {"size": 2}),
    (median_filter, 16, 10, 13, {"size": 4}),
    (median_filter, 20, 10, 13, {"size": 5}),
    (median_filter, 24, 3, 4, {"size": 9}),
    (median_filter, 28, 9, 14, {"across_channels": True}),
    (median_filter, 32, 1, 6, {"across_channels": True}),
    (median_filter, 36, 8, 5, {"size": 2, "across_channels": True}),
    (median_filter, 40, 7, 12, {"size": 4, "across_channels": True}),
    (median_filter, 44, 5, 4, {"size": 7, "across_channels": True}),
    (tv_bregman, 3, 17, 12, {}),
    (tv_bregman, 4, 9, 14, {}),
    (tv_bregman, 5, 9, 14, {"weight": 2}),
    (tv_bregman, 7, 12, 8, {"weight": 5, "isotropic": False}),
    (tv_bregman, 8, 2, 2, {"weight": 1, "eps": 1e-5}),
    (tv_bregman, 11, 8, 13, {"weight": 1, "max_iter": 7, "eps": 1e-9}),
    (tv_bregman, 15, 16, 11, {"weight": 3, "stop": "separately"}),
    (tv_bregman, 15, 16, 11, {"weight": 3, "isotropic": False, "stop": "separately", "eps": 1e-2}),
    (gaussian_blur, 4, 9, 14, {}),
    (gaussian_blur, 5, 1, 1, {}),
    (gaussian_blur, 7, 3, 8, {"sigma": 2.3}),
    (gaussian_blur, 8, 12, 5, {"sigma": 0.4, "truncate": 3}),
    (bit_depth, 4, 8, 9, {}),
    (bit_depth, 5, 8, 9, {"bits": 1}),
    (bit_depth, 6, 8, 9, {"bits": 8}),
    (bit_depth, 8, 8, 9, {"bits": 3}),
    (non_local_means, 6, 14, 12, {"strength": 12}),
    (non_local_means, 4, 12, 15, {"strength": 60, "search": 9}),
    (non_local_means, 2, 16, 10, {"strength": 25, "search": 7, "patch": 5}),
    (non_local_means, 3, 10, 13, {"strength": 40, "search": 5, "patch": 1}),
    (non_local_means, 8, 9, 11, {"strength": 90, "patch": 7}),
    (tvm, 3, 14, 11, {"kept_seed": 4, "lambda_tv": 0.03, "norm": 2}),
    (tvm, 6, 12, 17, {"kept_seed": 8, "lambda_tv": 0.3, "norm": 2}),
    (tvm, 8, 12, 12, {"kept_seed": 12, "lambda_tv": 0.03, "norm": 1}),
    (tvm, 7, 9, 16, {"kept_seed": 16, "lambda_tv": 0.1, "norm": 1}),
]


def main():
    cases = []
    for function, seed, height, width, options in CASES:
        made = function(drawn_image(seed, height, width), **options)
        pixels, figures = made if isinstance(made, tuple) else (made, {})
        pixels = numpy.ascontiguousarray(pixels, "<f4").reshape(height, width, 3)
        case = {"defense": function.__name__, "options": options, "seed": seed, "height": height, "width": width}
        case["pixels"] = base64.b64encode(pixels.tobytes()).decode()
        if figures:
            case["figures"] = figures
        cases.append(case)
    versions = {"numpy": numpy.__version__, "scipy": scipy.__version__, "scikit-image": skimage.__version__}
    versions["opencv"] = cv2.__version__
    rows = ",\n    ".join(json.dumps(case) for case in cases)
    print(f'{{\n  "versions": {json.dumps(versions)},\n  "cases": [\n    {rows}\n  ]\n}}')


main()
