//! What `catalog` records of files that are not there, and of those that the disk changed.

use std::fs;

use super::Bench;

/// The names of the files that could not be read, as `ls` lists them.
fn unread(bench: &Bench) -> Vec<String> {
    let ls = bench.json(0, &["ls"]);
    ls["unread"].as_array().unwrap().iter().map(|of| super::name(&of["file"]).to_owned()).collect()
}

#[test]
fn a_mistyped_path_is_not_recorded() {
    let bench = Bench::with(&["kube.db"]);
    bench.add(0);
    let wrong = bench.folder().join("nosuchfolder");
    let text = bench.says(3, ["add".as_ref(), wrong.as_os_str()]);
    assert!(text.contains("not added: ") && text.contains("1 not added"), "{text}");
    assert!(unread(&bench).is_empty());
    bench.says(0, ["find", "deploy/web", "-n", "shop"]);
    // what a link names may be a backup
    std::os::unix::fs::symlink("nothing.db", bench.backup("link.db")).unwrap();
    bench.add(3);
    assert_eq!(unread(&bench), ["link.db"]);
    fs::remove_file(bench.backup("link.db")).unwrap();
    bench.add(0);
    assert!(unread(&bench).is_empty());
    // of a file that is known, it is recorded that it is missing
    let file = bench.backup("kube.db");
    fs::remove_file(&file).unwrap();
    let text = bench.says(3, ["add".as_ref(), file.as_os_str()]);
    assert!(text.contains("; 1 missing now"), "{text}");
    let ls = bench.says(0, ["ls"]);
    assert!(ls.contains("kube.db (missing)"), "{ls}");
    assert!(unread(&bench).is_empty());
}

#[test]
fn what_could_not_be_listed_is_forgotten_when_it_is() {
    let bench = Bench::with(&["kube.db"]);
    // a name that is a file now, and a folder later
    let sub = bench.folder().join("sub");
    fs::write(&sub, b"").unwrap();
    bench.add(1);
    assert_eq!(unread(&bench), ["sub"]);
    fs::remove_file(&sub).unwrap();
    fs::create_dir(&sub).unwrap();
    fs::copy("fixtures/kube-later.db", sub.join("later.db")).unwrap();
    bench.add(0);
    assert!(unread(&bench).is_empty());
    bench.says(0, ["find", "deploy/web", "-n", "shop"]);
}

#[test]
fn a_file_that_the_disk_changed_is_read_again() {
    let bench = Bench::with(&["kube.db", "kube-later.db"]);
    bench.add(0);
    let path = bench.backup("kube-later.db");
    super::rot(&path);
    // another process is writing the catalog
    let lock = fs::File::open(bench.db().parent().unwrap()).unwrap();
    lock.lock().unwrap();
    let locked = bench.run(["check"]);
    lock.unlock().unwrap();
    let said = String::from_utf8(locked.stderr).unwrap();
    assert_eq!(locked.status.code(), Some(1));
    assert!(said.contains("note: what has changed is not recorded in the catalog: "), "{said}");
    assert!(bench.add(0).contains("; 2 as they were"), "nothing was recorded");

    let check = bench.run(["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8(check.stdout).unwrap().contains("kube-later.db: bad"));
    let said = String::from_utf8(check.stderr).unwrap();
    let hint = format!(
        "hint: `etcdsnap catalog add {} --db {}` reads what is bad again",
        path.display(),
        bench.db().display()
    );
    assert!(said.contains(&hint), "{said}");
    let listed = bench.says(0, ["ls"]);
    assert!(listed.contains("kube-later.db (changed)") && !listed.contains("kube.db (changed)"), "{listed}");
    assert_eq!(super::name(&bench.json(0, &["last", "--good"])["items"][0]["files"][0]), "kube.db");
    // it is still bad until it is added, also for what reads no file
    for args in [&["check"][..], &["check", "--quick"]] {
        assert!(bench.says(1, args).contains("kube-later.db: bad"));
    }
    let text = bench.add(1);
    assert!(text.contains("added 1 (") && text.contains("1 damaged; 1 as they were"), "{text}");
    let last = bench.json(0, &["last", "--good"]);
    assert_eq!(super::name(&last["items"][0]["files"][0]), "kube.db");
    bench.says(0, ["check"]);
}
