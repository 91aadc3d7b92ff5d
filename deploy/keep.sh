#!/usr/bin/env bash
# Keeps many snapshots of one cluster in little space: each as the difference to the one before it, by zstd.
#   keep.sh add STORE SNAPSHOT     adds a snapshot, after `etcdsnap verify` found no damage in it
#   keep.sh check STORE            brings back every snapshot in turn and compares its SHA-256
#   keep.sh get STORE N FILE       brings back snapshot N, as FILE, which must not exist yet, or to stdout (-)
#   keep.sh catalog STORE [ARG...] adds those that are not in the catalog yet, as STORE/N/NAME; ARG is of `etcdsnap catalog add`
#   keep.sh ls STORE               lists them: N, SHA-256, size, NAME
# STORE/000001.zst is whole; STORE/000002.zst is the difference to snapshot 1, and so on. STORE/000002.sum is the SHA-256 of
# snapshot 2, its size and its name. STORE/last is the newest snapshot as it is, which the next difference is made to.
# One damaged file loses what comes after it up to the next whole one: every 28th is whole (KEEP_WHOLE=N).
# Snapshots have 2 GiB at most: zstd's window ends there.
set -euo pipefail

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "keep.sh: $*" >&2; exit 1; }
sum() { sha256sum < "$1" | cut -d ' ' -f 1; }
number() { [[ $1 =~ ^[0-9]{1,6}$ ]] && ((10#$1 >= 1 && 10#$1 <= $(count))) && n=$((10#$1)); }
name() { printf '%s/%06d' "$store" "$1"; }
count() { find "$store" -maxdepth 1 -name '[0-9]*.sum' | wc -l; }
is_whole() { [ $((($1 - 1) % every)) = 0 ]; }

# The largest window that zstd has; it takes no more memory than the snapshot has bytes.
readonly zstd=(zstd --quiet --force --long=31 -3) every=${KEEP_WHOLE:-28}

# The folder of a run, removed at its end.
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

add() { # SNAPSHOT
  local n new=$1
  mkdir -p "$store"
  exec 9< "$store"
  flock --nonblock 9 || fail "another keep.sh works on $store"
  [ "$(stat --format %s "$new")" -le $((2 << 30)) ] || fail "$new has more than 2 GiB"
  etcdsnap verify "$new" || fail "$new was not added"
  n=$(($(count) + 1))
  work=$(mktemp -d "$store/.work.XXXXXX")
  cp "$new" "$work/last"
  if is_whole "$n"; then
    "${zstd[@]}" "$work/last" -o "$work/zst"
    "${zstd[@]}" -d "$work/zst" -o "$work/back"
  else
    [ "$(sum "$store/last")" = "$(cut -d ' ' -f 1 "$(name $((n - 1))).sum")" ] || fail "$store/last is not snapshot $((n - 1))"
    "${zstd[@]}" --patch-from="$store/last" "$work/last" -o "$work/zst"
    "${zstd[@]}" -d --patch-from="$store/last" "$work/zst" -o "$work/back"
  fi
  cmp "$work/last" "$work/back" || fail "zstd did not give $new back"
  echo "$(sum "$work/last") $(stat --format %s "$new") $(basename "$new")" > "$work/sum"
  sync "$work"/*
  # The sum comes last: without it the snapshot does not count, and the next run writes it again.
  mv "$work/zst" "$(name "$n").zst"
  mv "$work/last" "$store/last"
  mv "$work/sum" "$(name "$n").sum"
}

# Brings back the snapshots from FROM, a whole one, to N, one after the other, and calls COMMAND with the number of each, which is
# `found` then.
walk() { # N FROM [COMMAND]
  local i last=$1 from=$2 each=${3:-:}
  work=$(mktemp -d "$store/.work.XXXXXX")
  for ((i = from; i <= last; i++)); do
    if is_whole "$i"; then
      "${zstd[@]}" -d "$(name "$i").zst" -o "$work/new"
    else
      "${zstd[@]}" -d --patch-from="$work/old" "$(name "$i").zst" -o "$work/new"
    fi
    [ "$(sum "$work/new")" = "$(cut -d ' ' -f 1 "$(name "$i").sum")" ] || fail "snapshot $i is damaged: $(name "$i").zst"
    mv "$work/new" "$work/old"
    found=$work/old
    "$each" "$i"
  done
}

whole_before() { echo $((($1 - 1) / every * every + 1)); } # N

# The name of a snapshot in the catalog. Many snapshots may have one NAME.
listed() { echo "$(realpath --no-symlinks "$store")/$1/$(cut -d ' ' -f 3- "$(name "$1").sum")"; } # N

catalog() { # ARG...
  local arg i n from until all='' before='' known='' status=0 db=() more=("$@")
  n=$(count)
  for arg; do
    case $arg in
      --db=*) db=("$arg") ;;
      # With keys, what no key has opened is read again.
      --encryption-config* | --kms-keys*) all=1 ;;
    esac
    [ "$before" != --db ] || db=(--db "$arg")
    before=$arg
  done
  # A line for each backup that the catalog knows: its SHA-256, and its names.
  known=$(etcdsnap catalog ls -o json "${db[@]}" 2> /dev/null | tr -d '\n' | sed 's/"files": *\[/\n&/g') || known=
  is_new() { # N
    [ -n "$all" ] || ! grep -F "\"$(cut -d ' ' -f 1 "$(name "$1").sum")\"" <<< "$known" | grep -qF "\"$(listed "$1")\""
  }
  add_new() { # N
    ! is_new "$1" || etcdsnap catalog add - --name "$(listed "$1")" "${more[@]}" < "$found" || status=$?
  }
  # From the whole one before each that is new, up to the next whole one.
  for ((i = 1; i <= n; i = $(whole_before "$i") + every)); do
    from=$i until=
    for ((; i <= n && i < from + every; i++)); do ! is_new "$i" || until=$i; done
    i=$from
    [ -z "$until" ] || { walk "$until" "$from" add_new; rm -r "$work"; }
  done
  return "$status"
}

[ $# -ge 2 ] || usage
command=$1 store=$2
[ "$command" = add ] || [ -d "$store" ] || fail "$store: there is no such store"
case $command in
  add) [ $# = 3 ] || usage; add "$3" ;;
  check) n=$(count); walk "$n" 1; echo "$n snapshots are as they were" ;;
  get)
    [ $# = 4 ] || usage
    number "$3" || fail "there is no snapshot $3 in $store: it has $(count)"
    [ "$4" = - ] || [ "$4" = /dev/stdout ] || [ ! -e "$4" ] || fail "$4 exists"
    walk "$n" "$(whole_before "$n")"
    case $4 in - | /dev/stdout) cat "$found" ;; *) cp "$found" "$4" ;; esac
    ;;
  catalog) catalog "${@:3}" ;;
  ls) for ((n = 1; n <= $(count); n++)); do echo "$n $(cat "$(name "$n").sum")"; done ;;
  *) usage ;;
esac
