#!/usr/bin/env bash
# Runs deploy/fleet/spark_rows.py on a Spark of two executors on this machine, kills one of them in the middle, and compares what
# it wrote with what deploy/fleet/xargs.sh writes: the same files, byte for byte, and a verdict for each snapshot, also for the three
# that are damaged. A second run changes no file. The rows that come to Spark as record batches (--arrow) are the same ones, by their
# number and a hash that DuckDB makes of all columns of both. Needs a JDK of version 17 or newer; a minute, after the download of Spark (400 MB).
#   .ci/spark.sh PROGRAM
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${1:?the program}")
java -version 2> /dev/null || { echo "needs a JDK of version 17 or newer" >&2; exit 2; }
engines=${ETCDSNAP_ENGINES:-$(.ci/engines.sh spark | tail -1)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/in"
cp fixtures/*.db "$work/in/"
for name in kube kube-later encrypted; do
  head -c $(($(stat -c %s "fixtures/$name.db") / 2)) "fixtures/$name.db" > "$work/in/cut-$name.db"
done
find "$work/in" -name '*.db' | sort > "$work/list"

mkdir "$work/bin"
ln -s "$program" "$work/bin/etcdsnap"
# Slow, so that there is a middle.
cat > "$work/slow" << END
#!/bin/sh
sleep 0.5
exec "$program" "\$@"
END
chmod +x "$work/slow"

spark() { # PROGRAM DATASET VERDICTS [--arrow]
  ETCDSNAP=$1 PYSPARK_PYTHON=$engines/bin/python SPARK_LOCAL_IP=127.0.0.1 "$engines/bin/spark-submit" \
    --master 'local-cluster[2,1,1024]' --conf spark.driver.bindAddress=127.0.0.1 --conf spark.driver.host=127.0.0.1 \
    --conf spark.ui.enabled=false --conf spark.task.maxFailures=8 --conf "spark.local.dir=$work/spark" \
    --conf "spark.executorEnv.ETCDSNAP=$1" deploy/fleet/spark_rows.py "${@:4}" "$work/$2" "$work/$3" "$work/list" \
    > "$work/said" 2> "$work/log"
}

# The executors are processes below the driver.
executors() { # PID
  local pid
  for pid in $(pgrep -P "$1" || true); do
    if grep -qs CoarseGrainedExecutorBackend "/proc/$pid/cmdline"; then echo "$pid"; fi
    executors "$pid"
  done
}

spark "$work/slow" rows verdicts &
driver=$!
killed=
while kill -0 "$driver" 2> /dev/null; do
  if [ -z "$killed" ] && [ "$(find "$work/rows" -name '*.parquet' 2> /dev/null | wc -l)" -ge 3 ]; then
    killed=$(executors "$driver" | sed -n 1p)
    [ -z "$killed" ] || kill -9 "$killed"
  fi
  sleep 0.2
done
wait "$driver" || { tail -30 "$work/log"; exit 1; }
[ -n "$killed" ] || { echo "no executor was killed" >&2; exit 1; }
cat "$work/said"

PATH=$work/bin:$PATH deploy/fleet/xargs.sh "$work/want" "$work/want-verdicts" 2 < "$work/list" 2> "$work/log"
sums() { (cd "$1" && find . -name '*.parquet' -exec sha256sum {} + | sort -k 2); }
diff <(sums "$work/want") <(sums "$work/rows")
verdicts() { cat "$1"/* | jq -r '[.path, .verdict] | @tsv' | sort; }
diff <(verdicts "$work/want-verdicts") <(verdicts "$work/verdicts")
damaged=$(verdicts "$work/verdicts" | grep -c 'cut-.*damaged')
if [ "$(verdicts "$work/verdicts" | wc -l)" != "$(wc -l < "$work/list")" ] || [ "$damaged" != 3 ]; then
  echo "not every snapshot has its verdict:" >&2
  verdicts "$work/verdicts" >&2
  exit 1
fi
before=$(sums "$work/rows")
spark "$program" rows verdicts || { tail -30 "$work/log"; exit 1; }
[ "$before" = "$(sums "$work/rows")" ] || { echo "the second run wrote other files" >&2; exit 1; }

spark "$program" arrow arrow-verdicts --arrow || { tail -30 "$work/log"; exit 1; }
diff <(verdicts "$work/want-verdicts") <(verdicts "$work/arrow-verdicts")
# The number of rows and their hash, of each folder.
same=$("$engines/bin/python" - "$work/want" "$work/arrow" << 'END'
import sys
import duckdb

files = "read_parquet('{}/**/*.parquet', hive_partitioning={}, hive_types_autocast=false)"
names = duckdb.sql("DESCRIBE SELECT * FROM " + files.format(sys.argv[1], "false")).fetchall()
names = ", ".join(f'"{name}"' for name, *_ in names)
for folder, partitions in zip(sys.argv[1:], ("false", "true")):
    rows = f"SELECT to_json(row)::VARCHAR AS one FROM (SELECT {names} FROM {files.format(folder, partitions)}) AS row"
    print(*duckdb.sql(f"SELECT count(*), md5(string_agg(one, chr(10) ORDER BY one)) FROM ({rows})").fetchall()[0])
END
)
if [ "$(sort -u <<< "$same" | wc -l)" != 1 ] || [[ $same == "0 "* ]]; then
  printf 'the rows by mapInArrow are not those of xargs.sh:\n%s\n' "$same" >&2
  exit 1
fi
echo "${same%%$'\n'*}: number and hash of the rows, from Parquet and by mapInArrow"
echo "$(wc -l < "$work/list") snapshots, 3 damaged: executor $killed was killed, and the rows are those of xargs.sh"
