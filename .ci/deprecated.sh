#!/usr/bin/env bash
# Makes src/serve/deprecated.txt, the deprecated versions of built-in kinds, from the published module k8s.io/api in the
# releases of tools/kinds/releases.txt: .ci/deprecated.sh
# A line: group (- for the core group), version, kind, the minor release that deprecates it, the one that removes it (or -),
# and what to use instead, as apiVersion and kind (or -).
set -euo pipefail
cd "$(dirname "$0")/.."
while read -r release; do
  folder=$(GOFLAGS=-mod=mod go mod download -json "k8s.io/api@$release" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  for file in "$folder"/*/*/register.go; do
    version=$(dirname "$file")
    group=$(sed -n 's/^const GroupName = "\(.*\)"/\1/p' "$file")
    find "$version" -name '*lifecycle.go' -exec cat {} + | awk -v group="${group:--}" -v version="$(basename "$version")" '
      /^func \(in \*/ { kind = substr($3, 2, length($3) - 2); what = $4 }
      /^\treturn/ && kind !~ /List$/ {
        if (what ~ /Deprecated/) { deprecated[kind] = $3 }
        if (what ~ /Removed/) { removed[kind] = $3 }
        if (what ~ /Replacement/) {
          split($0, part, "\"")
          replacement[kind] = (part[2] == "" ? "" : part[2] "/") part[4] " " part[6]
        }
      }
      END {
        for (kind in deprecated) {
          instead = kind in replacement ? replacement[kind] : "-"
          print group, version, kind, deprecated[kind], kind in removed ? removed[kind] : "-", instead
        }
      }'
  done
done < tools/kinds/releases.txt | awk '{ line[$1 " " $2 " " $3] = $0 } END { for (id in line) print line[id] }' \
  | LC_ALL=C sort > src/serve/deprecated.txt
wc -l src/serve/deprecated.txt
