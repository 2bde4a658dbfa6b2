"""Records what TensorFlow 1's resize_bilinear makes of drawn images, for the tests of scaling.

    python bench/record/resize_tf1.py > packages/core/src/images/testing/resize-tf1.json

Needs tensorflow. The images and sizes are those of images.py.
"""
import json
import sys

import tensorflow as tf
from images import SIZES, formula, sha256

record = {'tensorflow': tf.__version__, 'resized': []}
for h, w, to_h, to_w in SIZES:
    floats = tf.constant(formula(h, w), tf.float32) / 255
    made = tf.compat.v1.image.resize_bilinear(floats[None], [to_h, to_w], align_corners=False, half_pixel_centers=False)
    record['resized'].append({'from': [h, w], 'to': [to_h, to_w], 'floats': sha256(made.numpy().astype('<f4'))})
json.dump(record, sys.stdout, indent=1)
print()
