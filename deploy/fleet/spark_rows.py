#!/usr/bin/env python3
"""Rows of many snapshots with Spark, into a table that is partitioned by cluster and date.

    spark-submit spark_rows.py DATASET VERDICTS LIST      LIST is a file with the path of a snapshot in each line

Each task calls `etcdsnap` (or $ETCDSNAP), which writes the Parquet file of a snapshot into DATASET by itself, all or nothing,
and prints what became of it: these lines become the JSON table VERDICTS. A task whose executor died is done again by another
one. DATASET is on a disk that all executors share.
"""

import os
import subprocess
import sys

from pyspark.sql import SparkSession


def rows(snapshot, dataset):
    program = os.environ.get("ETCDSNAP", "etcdsnap")
    call = [program, "rows", snapshot, "--threads", "1", "--format", "parquet", "--dataset", dataset, "--verdict", "-"]
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise OSError(f"{snapshot}: exit status {done.returncode}: {done.stderr}")
    return done.stdout.rstrip("\n")


def main():
    dataset, verdicts, listed = sys.argv[1:]
    spark = SparkSession.builder.appName("etcdsnap").getOrCreate()
    snapshots = [line for line in open(listed).read().splitlines() if line]
    tasks = spark.sparkContext.parallelize(snapshots, len(snapshots))
    lines = tasks.map(lambda snapshot: rows(snapshot, os.path.abspath(dataset)))
    spark.read.json(lines).write.mode("overwrite").json(verdicts)
    print(spark.read.parquet(dataset).count(), "rows")
    spark.stop()


if __name__ == "__main__":
    main()
