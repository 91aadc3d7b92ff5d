//! Files that the user names beside a backup: encryption configurations, data keys, manifests, etcd's configuration.
//! The first byte says which.

use std::sync::OnceLock;

use etcdsnap::{
    etcd::{Snapshot, State},
    k8s::{Mask, Ring},
    restore::{Form, NewCluster, Whose, check_advertised},
};

use super::file;

pub fn run(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let path = file("config", text);
    match which % 6 {
        0 => {
            if let Ok(ring) = Ring::read(Some(&path), None) {
                for value in [&b"k8s:enc:secretbox:v1:k:0123456789012345678901234567890123456789"[..], text] {
                    let _ = ring.open(b"/registry/secrets/shop/db", value);
                }
            }
        }
        1 => drop(Ring::read(None, Some(&path))),
        2 | 3 => {
            let form = if which % 6 == 2 { Form::Pod } else { Form::Config };
            let whose = Whose { manifest: Some((path, form)), ..Whose::default() };
            let _ = whose.choose(state());
        }
        4 => {
            let text = String::from_utf8_lossy(text);
            if let Ok(cluster) = NewCluster::parse(&text, "token", &[]) {
                cluster.members.iter().for_each(|member| drop(check_advertised(member, &text)));
            }
        }
        _ => drop(Mask::read(&path)),
    }
}

fn state() -> &'static State {
    static STATE: OnceLock<State> = OnceLock::new();
    STATE.get_or_init(|| {
        let file = include_bytes!("../../../fixtures/small.db");
        Snapshot::open(&file[..file.len() - 32]).unwrap().state
    })
}
