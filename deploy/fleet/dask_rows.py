#!/usr/bin/env python3
"""Rows of many snapshots with Dask, which runs on one machine or on many.

    dask_rows.py DATASET VERDICTS [--scheduler ADDRESS] < LIST      LIST has the path of a snapshot in each line

Each snapshot becomes one Parquet file of DATASET, and one line of the file VERDICTS, a damaged one as well. Each task calls
`etcdsnap`; only what could not be read or written (exit status 3) is tried again. A task whose worker died is done again by
another one. DATASET is on a disk that all workers share. A second run writes the same files again, and adds what is new.
"""

import argparse
import os
import subprocess
import sys

import dask.distributed


def rows(snapshot, dataset):
    program = os.environ.get("ETCDSNAP", "etcdsnap")
    call = [program, "rows", snapshot, "--threads", "1", "--format", "parquet", "--dataset", dataset, "--verdict", "-"]
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode not in (0, 1):  # 2 is the same every time, too, but nobody should overlook it
        raise OSError(f"{snapshot}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("dataset")
    arguments.add_argument("verdicts")
    arguments.add_argument("--scheduler", help="the address of a scheduler; without one, workers on this machine")
    arguments.add_argument("--workers", type=int, default=os.cpu_count())
    given = arguments.parse_args()
    if given.scheduler:
        client = dask.distributed.Client(given.scheduler)
    else:
        cluster = dask.distributed.LocalCluster(
            n_workers=given.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)
        client = dask.distributed.Client(cluster)
    snapshots = [line.rstrip("\n") for line in sys.stdin if line.strip()]
    tasks = client.map(rows, snapshots, dataset=os.path.abspath(given.dataset), retries=3, pure=False)
    failed = 0
    with open(given.verdicts + ".new", "w") as verdicts:
        for _, outcome in dask.distributed.as_completed(tasks, with_results=True, raise_errors=False):
            # The status is no guide: it is "pending" again when the worker that had the outcome has died since.
            if isinstance(outcome, str):
                verdicts.write(outcome)
            else:
                failed += 1
                print(outcome[1] if isinstance(outcome, tuple) else outcome, file=sys.stderr)
    os.replace(given.verdicts + ".new", given.verdicts)
    client.close()
    sys.exit(3 if failed else 0)


if __name__ == "__main__":
    main()
