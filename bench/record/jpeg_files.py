"""Records what TensorFlow's decode_jpeg makes of small JPEG files of every kind, for the tests of the JPEG decoder.

    python bench/record/jpeg_files.py > packages/core/src/jpeg/testing/decoded.json

Needs numpy, Pillow and TensorFlow. Pillow encodes what it can; files that no common encoder writes (other samplings, scans of
one component, colours without conversion, inks) are put together here of random coefficients.
"""

import base64
import hashlib
import io
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy
import PIL
import tensorflow
from PIL import Image, features

SIZES = [(1, 1), (7, 13), (17, 33), (40, 24), (3, 5), (31, 4)]
ZIGZAG = sorted(range(64), key=lambda i: (s := i // 8 + i % 8, i // 8 if s % 2 else i % 8))


def pillow_files():
    random = numpy.random.default_rng(2018)
    kinds = [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)]
    for k, (height, width) in enumerate(SIZES):
        slope = numpy.add.outer(numpy.arange(height) * 5, numpy.arange(width) * 3)[..., None] + [0, 60, 120]
        pixels = ((slope + random.integers(0, 60, (height, width, 3))) % 256).astype(numpy.uint8)
        image = Image.fromarray(pixels)
        for sampling, number in kinds:
            for progressive in (False, True):
                for restart in (0, 1):
                    quality = (30, 60, 92, 75)[(k + number + restart) % 4]
                    options = {"restart_marker_blocks": 2} if restart else {}
                    words = [sampling, "progressive" if progressive else "baseline", "restarts" if restart else ""]
                    yield " ".join(filter(None, words)), saved(
                        image, quality=quality, subsampling=number, progressive=progressive, **options
                    )
        yield "grey", saved(image.convert("L"), quality=80)
        yield "grey progressive restarts", saved(image.convert("L"), quality=50, progressive=True, restart_marker_rows=1)
        yield "CMYK, Adobe", saved(image.convert("CMYK"), quality=90)


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def made_files():
    """Each: name, samplings of the components (across, down), and what else is out of the ordinary."""
    kinds = [
        ("4:4:0", [(1, 2), (1, 1), (1, 1)], {}),
        ("4:1:1", [(4, 1), (1, 1), (1, 1)], {}),
        ("4:1:0", [(4, 2), (1, 1), (1, 1)], {}),
        ("luma halved", [(1, 1), (2, 2), (1, 2)], {}),
        ("red as luma", [(2, 2), (1, 1), (2, 2)], {}),
        ("4:2:0, each component a scan", [(2, 2), (1, 1), (1, 1)], {"apart": True}),
        ("4:4:0, each component a scan, restarts", [(1, 2), (1, 1), (1, 1)], {"apart": True, "restart": 3}),
        ("4:2:2, tables of 16 bits", [(2, 1), (1, 1), (1, 1)], {"wide": True}),
        ("grey, sampled 2x2", [(2, 2)], {}),
        ("RGB by its names", [(1, 1)] * 3, {"names": b"RGB", "jfif": False}),
        ("RGB by Adobe's marker", [(2, 1), (1, 1), (2, 1)], {"adobe": 0, "jfif": False}),
        ("YCbCr by Adobe's marker", [(2, 2), (1, 1), (1, 1)], {"adobe": 1, "jfif": False, "names": b"RGB"}),
        ("YCbCr without a marker", [(2, 2), (1, 1), (1, 1)], {"names": b"\x00\x01\x02", "jfif": False}),
        ("CMYK without a marker", [(1, 1)] * 4, {"jfif": False}),
        ("YCCK", [(2, 2), (1, 1), (1, 1), (2, 2)], {"adobe": 2, "jfif": False}),
        ("extended sequential", [(2, 1), (1, 1), (1, 1)], {"frame": 0xC1}),
    ]
    for k, (name, sampling, options) in enumerate(kinds):
        for height, width in [(19, 37), (8, 3)]:
            yield name, made(numpy.random.default_rng([k, height]), height, width, sampling, **options)


def segment(marker, content):
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + bytes(content)


def made(random, height, width, sampling, names=b"\x01\x02\x03\x04", jfif=True, adobe=None, apart=False, restart=0, wide=False, frame=0xC0):
    """A file whose blocks hold a few random coefficients, with Huffman tables in which every code has eight bits."""
    steps = random.integers(1, 40, 64)
    file = b"\xff\xd8"
    if jfif:
        file += segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
    if adobe is not None:
        file += segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([adobe]))
    table = b"".join(int(step).to_bytes(2 if wide else 1, "big") for step in steps)
    file += segment(0xDB, bytes([16 if wide else 0]) + table)
    parts = b"".join(bytes([names[i], a << 4 | d, 0]) for i, (a, d) in enumerate(sampling))
    file += segment(frame, b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(sampling)]) + parts)
    counts = [0] * 7 + [12] + [0] * 8
    ac = [0x00, 0xF0] + [run << 4 | size for run in range(14) for size in range(1, 7)]
    file += segment(0xC4, bytes([0x00, *counts, *range(12)]))
    file += segment(0xC4, bytes([0x10, *[0] * 7, len(ac), *[0] * 8, *ac]))
    if restart:
        file += segment(0xDD, restart.to_bytes(2, "big"))
    most_across, most_down = max(a for a, _ in sampling), max(d for _, d in sampling)
    rows, columns = -(-height // (8 * most_down)), -(-width // (8 * most_across))
    for scan in [[i] for i in range(len(sampling))] if apart else [list(range(len(sampling)))]:
        file += segment(0xDA, bytes([len(scan), *[b for i in scan for b in (names[i], 0)], 0, 63, 0]))
        if len(scan) == 1:
            across, down = sampling[scan[0]]
            of = lambda side, share, most: -(-(-(-side * share // most)) // 8)
            units, blocks = of(height, down, most_down) * of(width, across, most_across), scan
        else:
            units, blocks = rows * columns, [i for i in scan for _ in range(sampling[i][0] * sampling[i][1])]
        file += entropy(random, units, blocks, ac, restart)
    return file + b"\xff\xd9"


def entropy(random, units, blocks, ac, restart):
    data, bits = b"", ""
    last = [0] * 4

    def number(value):
        size = abs(value).bit_length()
        return size, format(value if value > 0 else value + (1 << size) - 1, f"0{size}b") if size else ""

    def flushed():
        whole = bits + "1" * (-len(bits) % 8)
        return int("1" + whole, 2).to_bytes(len(whole) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\x00") if whole else b""

    for unit in range(units):
        if restart and unit and unit % restart == 0:
            data += flushed() + bytes([0xFF, 0xD0 + (unit // restart - 1) % 8])
            bits, last = "", [0] * 4
        for component in blocks:
            value = int(random.integers(-40, 40))
            size, extra = number(value - last[component])
            last[component] = value
            bits += format(size, "08b") + extra
            k = 1
            while k < 64 and random.random() < 0.8:
                run = int(random.integers(0, 14))
                if k + run > 63:
                    break
                if random.random() < 0.1 and k + 16 < 63:
                    bits, k = bits + format(ac.index(0xF0), "08b"), k + 16
                    continue
                size, extra = number(int(random.choice([-40, -9, -3, -1, 1, 2, 7, 25])))
                bits += format(ac.index(run << 4 | size), "08b") + extra
                k += run + 1
            if k < 64:
                bits += format(ac.index(0), "08b")
    return data + flushed()


def digest(file, method):
    pixels = tensorflow.io.decode_jpeg(file, channels=3, dct_method=method).numpy()
    return [*pixels.shape[:2]], hashlib.sha256(pixels.tobytes()).hexdigest()


def main():
    cases = []
    for name, file in [*pillow_files(), *made_files()]:
        size, ifast = digest(file, "")
        _, islow = digest(file, "INTEGER_ACCURATE")
        cases.append([name, *size, ifast, islow, base64.b64encode(file).decode()])
    versions = {"tensorflow": tensorflow.__version__, "pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo")}
    columns = ["name", "height", "width", "ifast", "islow", "file"]
    rows = ",\n".join(json.dumps(case, indent=2) for case in cases).replace("\n", "\n    ")
    print(f'{{\n  "versions": {json.dumps(versions).replace("{", "{ ").replace("}", " }")},\n  "columns": {json.dumps(columns)},\n  "cases": [\n    {rows}\n  ]\n}}')


main()
