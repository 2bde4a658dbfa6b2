"""Runs a task for each line on standard input that names it, and answers with its time: so programs take turns."""

import json
import sys
import time


def take_turns(version, tasks, batch):
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        tasks[line.strip()]()
        end, cpu_end = time.perf_counter(), time.process_time()
        print(json.dumps({"ms": (end - start) * 1000 / batch, "cpu": (cpu_end - cpu) * 1000 / batch}), flush=True)
