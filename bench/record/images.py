"""Records what Pillow makes of drawn images, for the tests of reading and scaling.

    python bench/record/images.py [FOLDER OF THE NIPS 2017 IMAGES] > packages/core/src/images/testing/recorded.json

Pillow 13.0.0. The images come from a formula that packages/core/src/images/testing/formula.ts knows as well.
"""
import base64
import hashlib
import io
import json
import os
import struct
import sys
import zlib

import numpy as np
import PIL
from PIL import Image, ImageCms

FILTERS = {
    'nearest': Image.Resampling.NEAREST,
    'box': Image.Resampling.BOX,
    'bilinear': Image.Resampling.BILINEAR,
    'bicubic': Image.Resampling.BICUBIC,
    'lanczos': Image.Resampling.LANCZOS,
}
# height, width -> height, width
SIZES = [
    (299, 299, 224, 224), (224, 224, 299, 299), (61, 43, 32, 32), (43, 61, 17, 90), (7, 5, 64, 64), (100, 1, 3, 7),
    (1, 1, 9, 9), (9, 13, 1, 1), (40, 40, 40, 23), (40, 40, 23, 40), (3, 200, 50, 3), (33, 33, 34, 32),
]


def formula(height, width):
    """Noise over a ramp: byte i of [height, width, 3] from the upper bits of i times Knuth's constant."""
    i = np.arange(height * width * 3, dtype=np.uint64)
    mixed = ((i + 1) * 2654435761) % 2**32
    noise = mixed >> 24
    ramp = (i * 255) // max(1, height * width * 3 - 1)
    return ((noise + 3 * ramp) // 4).astype(np.uint8).reshape(height, width, 3)


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def scaled_floats(pixels, size, resample):
    """Each channel as mode F, cut to [0, 1]."""
    channels = [Image.fromarray(pixels[..., c].astype(np.float32) / np.float32(255)).resize(size, resample) for c in range(3)]
    return np.clip(np.stack([np.asarray(c) for c in channels], -1), np.float32(0), np.float32(1))


def resized():
    out = []
    for h, w, to_h, to_w in SIZES:
        for name, resample in FILTERS.items():
            image = formula(h, w)
            made = Image.fromarray(image).resize((to_w, to_h), resample)
            out.append({'from': [h, w], 'to': [to_h, to_w], 'interpolation': name, 'sha256': sha256(np.asarray(made)),
                        'floats': sha256(scaled_floats(image, (to_w, to_h), resample).astype('<f4'))})
    return out


def fitted():
    """torchvision's Resize and CenterCrop for square sizes, after tf.image.central_crop."""
    out = []
    for h, w, size, crop in [(75, 50, 32, 1), (50, 75, 32, 1), (61, 43, 32, 0.875), (43, 61, 47, 0.5), (40, 40, 32, 0.9)]:
        image = formula(h, w)
        top, left = int((h - h * crop) / 2), int((w - w * crop) / 2)
        kept = image[top:h - top, left:w - left]
        kh, kw = kept.shape[:2]
        to_h, to_w = (size, int(size * kw / kh)) if kh <= kw else (int(size * kh / kw), size)
        made = np.asarray(Image.fromarray(kept).resize((to_w, to_h), Image.Resampling.BICUBIC))
        y, x = int(round((to_h - size) / 2.0)), int(round((to_w - size) / 2.0))
        out.append({'from': [h, w], 'size': size, 'crop': crop, 'sha256': sha256(made[y:y + size, x:x + size])})
    return out


def png(rows, depth, color_type, extra=()):
    """A PNG by hand, for what Pillow doesn't write."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    head = struct.pack('>IIBBBBB', rows.shape[1], rows.shape[0], depth, color_type, 0, 0, 0)
    data = zlib.compress(b''.join(b'\0' + row.tobytes() for row in rows))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + b''.join(chunk(k, d) for k, d in extra)
            + chunk(b'IDAT', data) + chunk(b'IEND', b''))


def files():
    rgb = Image.fromarray(formula(11, 14))
    grey = rgb.convert('L')
    alpha = Image.fromarray(formula(11, 14)[..., 0])
    rgba, la = rgb.copy(), grey.copy()
    rgba.putalpha(alpha)
    la.putalpha(alpha)
    palette = rgb.quantize(17)
    turned = Image.Exif()
    turned[0x112] = 6
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    wide = (formula(11, 14).astype('>u2') << 8) | formula(14, 11).reshape(11, 14, 3)
    gamma = [(b'gAMA', struct.pack('>I', 100000)),
             (b'cHRM', struct.pack('>8I', 31270, 32900, 70000, 30000, 20000, 70000, 15000, 6000))]
    # A profile that swaps red and green: applied, it would change every pixel.
    swapped = bytearray(lab)
    r, g = lab.index(b'rXYZ'), lab.index(b'gXYZ')
    swapped[r:r + 4], swapped[g:g + 4] = b'gXYZ', b'rXYZ'
    made = [
        ('rgb.png', rgb, {}), ('grey.png', grey, {}), ('alpha.png', rgba, {}), ('grey-alpha.png', la, {}),
        ('palette.png', palette, {}), ('palette-transparent.png', palette, {'transparency': 3}),
        ('bilevel.png', rgb.convert('1'), {}), ('profile.png', rgb, {'icc_profile': bytes(swapped)}),
        ('rgb.jpg', rgb, {'quality': 90}), ('progressive.jpg', rgb, {'progressive': True, 'quality': 60}),
        ('grey.jpg', grey, {}), ('turned.jpg', rgb, {'exif': turned}), ('cmyk.jpg', rgb.convert('CMYK'), {}),
        ('profile.jpg', rgb, {'icc_profile': bytes(swapped)}), ('cmyk.tif', rgb.convert('CMYK'), {}),
        ('rgb.webp', rgb, {'quality': 80}), ('alpha.webp', rgba, {'lossless': True, 'exact': True}), ('palette.gif', palette, {}),
    ]
    out = {}
    for name, image, options in made:
        file = io.BytesIO()
        kind = {'jpg': 'JPEG', 'tif': 'TIFF'}.get(name[-3:], name.split('.')[1].upper())
        image.save(file, kind, **options)
        out[name] = file.getvalue()
    out['gamma.png'] = png(formula(11, 14), 8, 2, gamma)
    out['wide.png'] = png(wide, 16, 2)
    answers = {}
    for name, data in out.items():
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert('RGB'))
        answers[name] = {'file': base64.b64encode(data).decode(), 'size': list(pixels.shape[:2]), 'sha256': sha256(pixels)}
    # Pillow clips 16-bit grey to 255 on its way to RGB; the upper byte, as it takes it of 16-bit RGB, is meant.
    one = wide[..., 0]
    answers['grey-wide.png'] = {'file': base64.b64encode(png(one, 16, 0)).decode(), 'size': list(one.shape),
                                'sha256': sha256(np.repeat((one >> 8).astype(np.uint8)[..., None], 3, -1))}
    return answers


def photos(folder):
    """Of the pixels of all photos, and of each scaled to 224x224."""
    out = {}
    for name in sorted(os.listdir(folder)):
        image = Image.open(os.path.join(folder, name)).convert('RGB')
        small = image.resize((224, 224), Image.Resampling.BICUBIC)
        out[name] = sha256(np.asarray(image))[:12] + sha256(np.asarray(small))[:12]
    return out


if __name__ == '__main__':
    record = {'pillow': PIL.__version__, 'resized': resized(), 'fitted': fitted(), 'files': files()}
    if len(sys.argv) > 1:
        record['photos'] = photos(sys.argv[1])
    json.dump(record, sys.stdout, indent=1)
    print()
