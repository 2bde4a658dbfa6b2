"""Seconds that Sacred takes to record N metric points with its FileStorageObserver, start and end of the run included.

    python sacred_observer.py FOLDER N
"""

import sys
import time

import sacred
from sacred.observers import FileStorageObserver

folder, count = sys.argv[1], int(sys.argv[2])
experiment = sacred.Experiment("bench", save_git_info=False)
experiment.observers.append(FileStorageObserver(folder))


@experiment.main
def main(_run):
    for i in range(count):
        _run.log_scalar(f"m{i % 10}", i, i)


start = time.time()
experiment.run(options={"--loglevel": "ERROR"})
print(f"{time.time() - start:.2f}")
