//! The sentences of `catalog` about what was not found.

use super::Bench;

/// What a call prints to stderr; it has to end with 1.
#[track_caller]
fn error(bench: &Bench, args: &[&str]) -> String {
    let output = bench.run(args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_not_found_is_named_with_its_filters() {
    let bench = Bench::with(&["kube.db"]);
    bench.add(0);
    for (args, what) in [
        (&["find", "--image", "none:1"][..], "an object with --image none:1"),
        (&["find", "-l", "a=b"], "an object with -l a=b"),
        (&["find", "--uid", "1"], "an object with --uid 1"),
        (&["rows", "-n", "none", "--image", "none:1"], "an object with -n none --image none:1"),
        (&["find", "configmaps", "-n", "shop", "--image", "none:1"], "configmaps -n shop with --image none:1"),
        (&["find", "configmaps", "-l", "a=b", "--image", "none:1"], "configmaps with -l a=b --image none:1"),
        (&["find", "deploy/none"], "deploy/none"),
        (&["growth", "-n", "none"], "an object with -n none"),
    ] {
        let said = error(&bench, args);
        assert!(said.contains(&format!("error: no backup in the catalog holds {what}\n")), "{args:?}: {said}");
    }
    let output = bench.run(["find", "deploy/web", "pod/none", "-l", "app=web"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("pod/none with -l app=web\n"), "{said}");
}

#[test]
fn a_kind_that_is_not_known_is_in_no_backup() {
    let bench = Bench::with(&["kube.db", "encrypted.db"]);
    bench.add(0);
    for command in ["find", "growth", "rows", "history"] {
        let said = error(&bench, &[command, "nokind"]);
        assert!(said.contains("no kind \"nokind\" is known, and no backup in the catalog defines it\n"), "{said}");
        assert!(said.contains("hint: `etcdsnap catalog growth` lists the kinds in the backups\n"), "{said}");
        assert!(error(&bench, &[command, "deploymnets"]).contains("did you mean deployments?"), "{command}");
    }
}

#[test]
fn known_backups_are_opened_with_keys_as_the_hint_says() {
    let bench = Bench::with(&["encrypted.db"]);
    bench.add(0);
    let said = error(&bench, &["find", "secrets", "-l", "app=none"]);
    let hint = "`etcdsnap catalog add FOLDER --encryption-config FILE` reads backups with such objects again";
    assert!(said.contains(hint), "{said}");
    let folder = bench.folder();
    bench.says(0, ["add", folder.to_str().unwrap(), "--encryption-config", "fixtures/encryption.yaml"]);
    let said = error(&bench, &["find", "secrets", "-l", "app=none"]);
    assert!(!said.contains("encrypted object"), "{said}");
}

#[test]
fn the_help_names_a_column_that_there_is() {
    let bench = Bench::with(&["kube.db"]);
    bench.add(0);
    let help = bench.says(0, ["rows", "--help"]);
    let row = bench.says(0, ["rows"]);
    assert!(help.contains("`value_hmac`") && row.contains("\"value_hmac\":"), "{help}");
    assert!(!help.contains("value_hash"), "{help}");
}
