"""Reads rows with other engines. engines.py read PARQUET ARROW: a line for each way of reading, its name, the number of
rows and a sum of all of them. engines.py pipe ENGINE: the same of an Arrow stream on stdin. engines.py sql DIR PAGE: the
result of each query in PAGE, in DuckDB, run in DIR, as a line of JSON."""

import hashlib
import json
import os
import re
import sys
from datetime import datetime, timezone

import duckdb
import polars
import pyarrow.ipc
import pyarrow.parquet


def plain(value):
    """A value as NDJSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(value) for name, value in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def pairs(value):
    """A map, as each engine gives it."""
    items = value.items() if isinstance(value, dict) else value
    return dict(sorted((item["key"], item["value"]) if isinstance(item, dict) else item for item in items))


def said(name, rows):
    sums = hashlib.sha256()
    for row in rows:
        row = {name: pairs(value) if name == "labels" else plain(value) for name, value in row.items()}
        sums.update(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    print(name, len(rows), sums.hexdigest())


def duck(given):
    # DuckDB takes a variable for a table of its name
    return duckdb.sql("SELECT * FROM given").to_arrow_table().to_pylist()


def read(parquet, arrow):
    said("pyarrow.parquet", pyarrow.parquet.read_table(parquet).to_pylist())
    said("polars.parquet", polars.read_parquet(parquet).to_dicts())
    said("duckdb.parquet", duck(duckdb.read_parquet(parquet)))
    said("pyarrow.arrow", pyarrow.ipc.open_stream(arrow).read_all().to_pylist())
    said("polars.arrow", polars.read_ipc_stream(arrow).to_dicts())
    said("duckdb.arrow", duck(pyarrow.ipc.open_stream(arrow)))
    for field in pyarrow.ipc.open_stream(arrow).schema:
        assert not pyarrow.types.is_dictionary(field.type), field


def pipe(engine):
    if engine == "polars":
        said("polars.pipe", polars.read_ipc_stream(sys.stdin.buffer).to_dicts())
    else:
        said("duckdb.pipe", duck(pyarrow.ipc.open_stream(sys.stdin.buffer)))


def sql(folder, page):
    queries = re.findall(r"```sql\n(.*?)```", open(page).read(), re.DOTALL)
    os.chdir(folder)
    duckdb.sql("SET TimeZone = 'UTC'")
    for query in queries:
        result = duckdb.sql(query)
        print(json.dumps([dict(zip(result.columns, plain(list(row)))) for row in result.fetchall()]))


{"read": read, "pipe": pipe, "sql": sql}[sys.argv[1]](*sys.argv[2:])
