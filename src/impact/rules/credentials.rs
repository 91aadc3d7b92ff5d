//! Secrets, ServiceAccounts, certificates, encryption keys.

use std::collections::BTreeSet;

use super::{
    super::{
        danger::Subject,
        inventory::{Id, Inventory, KnownObject},
        kinds::{ACCOUNT, CONFIG_MAP, SECRET},
    },
    sides::Sides,
};

const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";
const TLS: &str = "kubernetes.io/tls";
/// The releases of Helm are no credentials, and each change of one makes another.
const HELM: &str = "helm.sh/release.v1";

fn type_of<'i>(known: &'i KnownObject<'_>) -> &'i str {
    known.text(&["type"])
}

/// Secrets of these types that were deleted since. One that was made again under the same name is compared.
fn back<'i>(sides: Sides<'i>, wanted: impl Fn(&str) -> bool) -> Vec<Subject<'i>> {
    let back = sides.back(SECRET).filter(|(id, known)| sides.now.get(id).is_none() && wanted(type_of(known)));
    back.map(|(id, known)| Subject::new(id, &[type_of(known)])).collect()
}

/// Secrets of these types whose content differs, or cannot be compared.
fn older<'i>(sides: Sides<'i>, wanted: impl Fn(&str) -> bool) -> Vec<Subject<'i>> {
    let mut all = Vec::new();
    for (id, then, now) in sides.both(SECRET) {
        if sides.backup.is_unchanged(then, sides.now, now) || !wanted(type_of(then)) {
            continue;
        }
        match (then.at(&["data"]), now.at(&["data"])) {
            (Some(a), Some(b)) if a == b => {}
            (Some(_), Some(_)) => all.push(Subject::new(id, &[type_of(then)])),
            _ => all.push(Subject::new(id, &[type_of(then), "cannot be compared"])),
        }
    }
    all
}

pub(super) fn secrets_back(sides: Sides<'_>) -> Vec<Subject<'_>> {
    back(sides, |kind| ![BOOTSTRAP_TOKEN, TLS, HELM].contains(&kind))
}

pub(super) fn older_secrets(sides: Sides<'_>) -> Vec<Subject<'_>> {
    older(sides, |kind| ![BOOTSTRAP_TOKEN, TLS, HELM].contains(&kind))
}

pub(super) fn bootstrap_tokens(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let is_token = |kind: &str| kind == BOOTSTRAP_TOKEN;
    [back(sides, is_token), older(sides, is_token)].concat()
}

pub(super) fn certificates(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let is_certificate = |kind: &str| kind == TLS;
    [back(sides, is_certificate), older(sides, is_certificate)].concat()
}

pub(super) fn authorities(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let others = sides.both(CONFIG_MAP).filter(|(_, then, now)| {
        let data = then.at(&["data"]).zip(now.at(&["data"]));
        data.is_some_and(|(a, b)| a != b)
    });
    others.map(|(id, ..)| Subject::plain(id)).collect()
}

/// The token Secrets, each with the id of the key that signed the token.
fn keys<'i>(of: &'i Inventory<'i>) -> impl Iterator<Item = (&'i Id<'i>, &'i str)> {
    of.each(SECRET).map(|(id, known)| (id, known.text(&["keyId"]))).filter(|(_, key)| !key.is_empty())
}

/// The keys that sign the tokens of now are known by the tokens alone: without one, nothing is known.
pub(super) fn account_keys(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let now: BTreeSet<_> = keys(sides.now).map(|(_, key)| key).collect();
    let lost = keys(sides.backup).filter(|(_, key)| !now.is_empty() && !now.contains(key));
    lost.map(|(id, key)| Subject::new(id, &[format!("key {key}")])).collect()
}

pub(super) fn accounts(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let again = |then: &KnownObject<'_>, now: &KnownObject<'_>| {
        !then.uid.is_empty() && !now.uid.is_empty() && then.uid != now.uid
    };
    sides.both(ACCOUNT).filter(|(_, then, now)| again(then, now)).map(|(id, ..)| Subject::plain(id)).collect()
}

pub(super) fn encryption_keys(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let gone = sides.backup.sealed.difference(&sides.now.sealed);
    gone.filter(|_| sides.now.whole).map(|name| Subject::other(name.clone())).collect()
}

pub(super) fn bootstrap_data(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let (then, now) = (&sides.backup.bootstrap, &sides.now.bootstrap);
    let keys = then.keys().filter(|_| sides.now.whole && then != now);
    keys.map(|key| Subject::other(crate::bytes::escape(key))).collect()
}
