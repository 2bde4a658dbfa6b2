"""Writes small MAT-files in the shape of the ILSVRC2012 development kit's meta.mat, for packages/datasets' tests.

    python devkit_meta.py packages/datasets/src/provision/testing/golden

The kit's numbering is not the order of the wnids, and inner nodes of the tree follow behind the leaves; both are so here.
"""

import sys

import numpy
from scipy.io import savemat

WNIDS = ["n03888257", "n01440764", "n02102040", "n03394916", "n02979186", "n03000684", "n03028079", "n03417042",
         "n03425413", "n03445777", "n00001740"]
FIELDS = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O"),
          ("children", "O"), ("wordnet_height", "O"), ("num_train_images", "O")]

synsets = numpy.zeros((len(WNIDS), 1), dtype=FIELDS)
for i, wnid in enumerate(WNIDS):
    inner = wnid == "n00001740"
    children = numpy.arange(1, 11, dtype=numpy.uint16) if inner else numpy.zeros((0, 0), numpy.uint8)
    synsets[i, 0] = (numpy.float64(i + 1), wnid, f"words of {wnid}", "a gloss, é", numpy.float64(10 if inner else 0),
                     children, numpy.float64(inner), numpy.float64(0 if inner else 250))

for name, packed in (("meta.mat", True), ("meta-plain.mat", False)):
    savemat(f"{sys.argv[1]}/{name}", {"synsets": synsets}, do_compression=packed, oned_as="column")
