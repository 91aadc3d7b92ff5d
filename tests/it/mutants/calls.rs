//! The calls: every command, with the options that make a difference to what is read.

use super::bases::Kind;
use crate::common::random::Random;

/// `IN` is the mutant, `GOOD` a good snapshot, `ROOT` the top folder. What is written goes to `out`.
const ANY: &[&str] = &[
    "status IN",
    "status IN -o json",
    "verify IN",
    "verify IN -o json",
    "verify IN --strict",
    "hashkv IN",
    "hashkv IN -o json --rev 5",
    "analyze IN",
    "analyze IN -o json --by name",
    "analyze IN GOOD --by label=app",
    "report IN --html out/r.html",
    "hashkv IN GOOD",
    "status IN --quick",
    "kv IN",
    "kv IN -w json",
    "kv IN -w ndjson",
    "kv IN --rev 6",
    "kv IN --not-kubernetes",
    "members IN",
    "members IN -o json",
    "get IN",
    "get IN -o json",
    "get IN -o yaml",
    "get IN -o ndjson",
    "get IN pods -o wide",
    "get IN all",
    "get IN all -o kyaml",
    "get IN widgets",
    "get IN nodes,svc,deploy,cm,secrets,crd,events,leases -o wide --show-labels",
    "get IN -o jsonpath={..name}",
    "get IN secrets -o yaml --encryption-config ROOT/fixtures/encryption.yaml",
    "get IN pods -o go-template={{range.items}}{{.metadata}}{{end}}",
    "get IN pods -l app!=x --field-selector metadata.name!=y --sort-by .metadata.name",
    "get IN pods -o custom-columns=A:.metadata.name,B:..image",
    "describe IN pods",
    "describe IN deploy,nodes,secrets",
    "describe IN",
    // it reads all that it would serve, and ends as the kubeconfig is there already
    "serve IN --kubeconfig IN",
    "grep a IN",
    "grep -i [a-z]+ IN --all-revisions -c",
    "grep -F k8s IN --free -o ndjson",
    "grep web IN pods,deploy --path spec.**.image",
    "grep --keys registry IN",
    "impact IN --against GOOD --force",
    "impact GOOD --against IN --force -o json",
    "diff IN GOOD",
    "diff GOOD IN -o json",
    "diff IN --rev 3..6 --raw -o json",
    "diff IN GOOD --stat --all",
    "diff IN --rev 100..200 -o yaml",
    "history IN --key /k/3",
    "history IN pods",
    "history IN deploy -o ndjson",
    "timeline IN",
    "timeline IN --all -o ndjson",
    "export IN --all --reveal --to -",
    "export IN --to out",
    "export IN --all --to out -o json",
    "restore IN --dry-run --member m1",
    "restore IN --data-dir out NAMED",
    "restore IN --data-dir out NAMED --force --skip-hash-check",
    "restore IN --data-dir out NAMED --force --skip-hash-check --defrag --compact latest",
    "restore IN --data-dir out NAMED --force --skip-hash-check --bump-revision 100 --drop-leases --disarm-alarms --reset-auth",
    "restore IN --to-snapshot out/s.db --force --skip-hash-check",
    "defrag IN --to out/d.db --compact latest --force --skip-hash-check",
    "redact IN --to out/r.db --also configmaps,env,annotations,names --force --skip-hash-check",
    "snapshot status IN",
    "snapshot status IN -w json",
    "snapshot restore IN --data-dir out --skip-hash-check",
    "snapshot restore IN --data-dir out --bump-revision 9 --mark-compacted",
    "bolt buckets IN",
    "bolt buckets IN --page-size 1024",
    "bolt keys IN key",
    "bolt keys IN meta --format hex",
    "bolt keys IN key --page-size 4096",
    "bolt get IN meta consistent_index --format hex",
    "bolt pages IN",
    "bolt pages IN --page-size 4096",
    "bolt page IN --all",
    "bolt page IN --all --etcd",
    "bolt page IN 0 1 2 3 4 5 --etcd",
    "bolt stats IN",
    "bolt stats IN key",
    "bolt check IN",
    "bolt check IN --from-page 3",
    "bolt dump IN 0 1 2 3",
    "evidence check IN",
    "evidence check IN -o json",
    "salvage IN --to out/s.db",
    "salvage IN --to out/s.db --only proved -o json",
    "salvage IN --to out/s.db --scan",
    "catalog add IN --db out/catalog.redb",
    "salvage IN --list",
    "salvage IN --list -o json --scan",
    "salvage IN --list -o ndjson --page-size 4096 --verdict likely,conflicting",
    "rows IN --with-object --force",
    "rows IN --format csv --to out/r.csv --verdict out/v",
    "rows IN GOOD --dataset out/set --encryption-config ROOT/fixtures/encryption.yaml",
];

/// Those for a data directory, besides.
const DIRECTORY: &[&str] = &[
    "wal IN",
    "wal IN -o json",
    "wal IN --tail 3",
    "wal IN -o ndjson --raw",
    "wal IN --type put,txn --from-index 3",
    "wal IN --diff IN",
    "snap IN",
    "snap IN -o json",
    "status IN --no-wal",
    "verify IN -o json",
    "kv IN --to-index 9",
    "restore IN --data-dir out NAMED --uncommitted keep",
    "restore IN --data-dir out NAMED --uncommitted drop --force",
    "force-new-cluster --data-dir IN --to out",
    "force-new-cluster --data-dir IN --to out --uncommitted keep --force",
    "force-new-cluster --data-dir IN --dry-run -o json",
    "migrate --data-dir IN --to out --target-version 3.5",
    "migrate --data-dir IN --to out --target-version 3.6 --force",
    "verify IN GOOD",
    "wal IN/member/wal",
    "snap IN/member/snap",
    "timeline IN",
    "salvage IN --to out/s.db",
    "salvage IN --to out/s.db -o json --uncommitted keep",
    "salvage IN --to out/s.db --uncommitted drop",
    "salvage GOOD --wal IN/member/wal --to out/s.db",
    "salvage IN --list",
];

const NAMED: &str = "--name m --initial-cluster m=http://127.0.0.1:2380 --initial-cluster-token t";

/// The commands that mask secrets.
const MASKED: [&str; 10] =
    ["analyze", "describe", "diff", "grep", "report", "history", "timeline", "rows", "wal", "snap"];

/// A call for a mutant of this kind.
pub fn call(kind: Kind, input: &str, random: &mut Random) -> Vec<String> {
    let own = matches!(kind, Kind::Wal | Kind::Snap) && !random.next().is_multiple_of(3);
    let lines = if own { DIRECTORY } else { ANY };
    let line = lines[random.next() % lines.len()].replace("NAMED", NAMED);
    let root = env!("CARGO_MANIFEST_DIR");
    let words = line.split(' ').map(|word| match word {
        "GOOD" => format!("{root}/fixtures/small.db"),
        word => word.replace("IN", input).replace("ROOT", root),
    });
    let mut words: Vec<_> = words.collect();
    if MASKED.contains(&words[0].as_str()) && !words.iter().any(|word| word == "--reveal") {
        // else the masks are others in each run
        words.extend(["--mask-key".to_owned(), format!("{root}/fixtures/encryption.yaml")]);
    }
    words
}

/// Every command has a line: a new one cannot be forgotten.
#[test]
fn every_command_is_called() {
    let help = crate::common::etcdsnap(["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<_> =
        listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty()).collect();
    assert!(names.len() > 10, "{help}");
    let without_input = ["help", "completions", "man", "decode"];
    for name in names.iter().filter(|name| !without_input.contains(name)) {
        assert!(
            ANY.iter().chain(DIRECTORY).any(|line| line.split(' ').next() == Some(name)),
            "{name} is called by no line"
        );
    }
}
