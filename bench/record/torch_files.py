"""Writes small files as torch.save does, for packages/core/src/weights/torch/torch.test.ts.

    python bench/record/torch_files.py packages/core/src/weights/torch/testing/golden

legacy.pth (the form before PyTorch 1.6) and zip.pt hold the same state dictionary; expected.json says what is in it.
Needs torch.
"""
import collections
import json
import os
import sys

import torch

folder = sys.argv[1]
grid = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7 - 1
state = collections.OrderedDict(
    plain=grid.clone(),
    transposed=grid.clone().permute(2, 0, 1),
    row=grid[1, 2],  # a window that begins within a storage, which the next shares
    shared=grid[0],
    parameter=torch.nn.Parameter(torch.tensor([0.5, -0.0, 1e-30])),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 3),
    double=torch.tensor([1 / 3, 1e300], dtype=torch.float64),
    half=torch.tensor([1.5, -65504.0, 6e-8, float("inf")], dtype=torch.float16),
    bfloat16=torch.tensor([1.5, -3e38, 1e-40], dtype=torch.bfloat16),
    long=torch.tensor([2**40, -3], dtype=torch.int64),
    int=torch.tensor([2**30, -4], dtype=torch.int32),
    short=torch.tensor([-30000, 5], dtype=torch.int16),
    char=torch.tensor([-128, 6], dtype=torch.int8),
    byte=torch.tensor([255, 7], dtype=torch.uint8),
    bool=torch.tensor([True, False]),
)
state._metadata = collections.OrderedDict([("", {"version": 2})])  # what modules add, set by BUILD
torch.save(state, os.path.join(folder, "legacy.pth"), _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "state_dict": state}, os.path.join(folder, "zip.pt"))
expected = {name: {"shape": list(t.shape), "values": [str(v) for v in t.detach().double().flatten().tolist()]}
            for name, t in state.items()}
json.dump(expected, open(os.path.join(folder, "expected.json"), "w"), indent=1)
