"""Records what TensorFlow 1's resize_bilinear makes of the middle of an image, as the original shows defended images to
its networks.

    python bench/record/central_crop.py > packages/defenses/src/testing/central-crop.json

Needs tensorflow.
"""

import json

import numpy
import tensorflow as tf

HEIGHT, WIDTH = 21, 30
k = numpy.arange(HEIGHT * WIDTH * 3, dtype=numpy.float64)
image = (0.5 + 0.5 * numpy.sin(12.9898 * k + 3) * numpy.cos(0.7071 * k)).astype(numpy.float32).reshape(HEIGHT, WIDTH, 3)
middle = tf.image.central_crop(image, 0.875)
scaled = tf.compat.v1.image.resize_bilinear(middle[None], [HEIGHT, WIDTH], align_corners=False)[0].numpy()
rows = {str(y): [round(float(v), 6) for v in scaled[y].flatten()] for y in (0, 1, 10, 20)}
print(json.dumps({"versions": {"tensorflow": tf.__version__}, "size": [HEIGHT, WIDTH], "rows": rows}))
