#!/usr/bin/env python3
"""Rows of many snapshots with Spark, into a table that is partitioned by cluster.

    spark-submit spark_rows.py DATASET VERDICTS LIST            LIST is a file with the path of a snapshot in each line
    spark-submit spark_rows.py --arrow TABLE VERDICTS LIST

Each task calls `etcdsnap` (or $ETCDSNAP), which writes the Parquet file of a snapshot into DATASET by itself, all or nothing,
and prints what became of it: these lines become the JSON table VERDICTS. With --arrow the rows come to Spark as record batches
(`mapInArrow`), with no file in between, and Spark writes TABLE; VERDICTS has a file for each snapshot. A task whose executor
died is done again by another one. DATASET, and VERDICTS with --arrow, are on a disk that all executors share.
"""

import hashlib
import os
import subprocess
import sys

from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema


def call(snapshot, *more):
    return [os.environ.get("ETCDSNAP", "etcdsnap"), "rows", snapshot, "--threads", "1", *more]


def written(snapshot, dataset):
    """The verdict on a snapshot whose rows are in DATASET now."""
    program = call(snapshot, "--format", "parquet", "--dataset", dataset, "--verdict", "-")
    done = subprocess.run(program, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise OSError(f"{snapshot}: exit status {done.returncode}: {done.stderr}")
    return done.stdout.rstrip("\n")


def batches(snapshot, *more):
    """The schema, and the record batches of a snapshot; nothing of a file that is none."""
    import pyarrow

    with subprocess.Popen(call(snapshot, "--format", "arrow", "--to", "-", *more), stdout=subprocess.PIPE) as process:
        if process.stdout.peek(1):
            with pyarrow.ipc.open_stream(process.stdout) as stream:
                yield stream.schema
                yield from stream
    # Spark drops what a task yielded that fails here.
    if process.returncode not in (0, 1):
        raise OSError(f"{snapshot}: exit status {process.returncode}")


def with_dataset(spark, snapshots, dataset, verdicts):
    tasks = spark.sparkContext.parallelize(snapshots, len(snapshots))
    lines = tasks.map(lambda snapshot: written(snapshot, os.path.abspath(dataset)))
    spark.read.json(lines).write.mode("overwrite").json(verdicts)


def with_arrow(spark, snapshots, table, verdicts):
    verdicts = os.path.abspath(verdicts)
    os.makedirs(verdicts, exist_ok=True)

    def rows(named):
        for batch in named:
            for snapshot in batch.column(0).to_pylist():
                verdict = f"{verdicts}/{hashlib.sha256(snapshot.encode()).hexdigest()[:16]}.ndjson"
                found = batches(snapshot, "--verdict", verdict)
                next(found, None)
                yield from found

    # The columns are those of every snapshot.
    schema = next(schema for snapshot in snapshots for schema in [next(batches(snapshot), None)] if schema)
    tasks = spark.sparkContext.parallelize([(snapshot,) for snapshot in snapshots], len(snapshots))
    frame = tasks.toDF("snapshot string").mapInArrow(rows, from_arrow_schema(schema))
    frame.write.mode("overwrite").partitionBy("cluster").parquet(table)


def main():
    arrow = sys.argv[1] == "--arrow"
    table, verdicts, listed = sys.argv[2 if arrow else 1:]
    # Spark's own choice for Parquet is INT96, a time without a zone.
    times = ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    spark = SparkSession.builder.appName("etcdsnap").config(*times).getOrCreate()
    snapshots = [line for line in open(listed).read().splitlines() if line.strip()]
    (with_arrow if arrow else with_dataset)(spark, snapshots, table, verdicts)
    print(spark.read.parquet(table).count(), "rows")
    spark.stop()


if __name__ == "__main__":
    main()
