//! The rules: each finds one kind of danger.

mod backends;
mod credentials;
mod network;
mod nodes;
mod sides;
mod volumes;

use super::{
    danger::{Danger, NotJudged, Rule, Subject},
    inventory::Inventory,
    kinds::{
        ACCOUNT, API_SERVICE, ATTACHMENT, CONFIG_MAP, DEFINITION, LEASE, MUTATING, NODE, POD, SECRET, SERVICE,
        VALIDATING, VOLUME,
    },
};
use sides::Sides;

/// The kinds of NOW that a rule compares with.
const KINDS: [(Rule, &str); 27] = [
    (Rule::ApiserviceBackend, API_SERVICE),
    (Rule::ApiserviceBackend, NODE),
    (Rule::BootstrapToken, SECRET),
    (Rule::CaBundle, API_SERVICE),
    (Rule::CaBundle, DEFINITION),
    (Rule::CaBundle, MUTATING),
    (Rule::CaBundle, VALIDATING),
    (Rule::Certificate, SECRET),
    (Rule::ClusterCa, CONFIG_MAP),
    (Rule::CrdVersion, DEFINITION),
    (Rule::LeaderLease, LEASE),
    (Rule::LoadBalancer, SERVICE),
    (Rule::NodeGone, NODE),
    (Rule::NodeJoined, NODE),
    (Rule::NodePort, SERVICE),
    (Rule::SecretBack, SECRET),
    (Rule::SecretOlder, SECRET),
    (Rule::ServiceAccountKey, SECRET),
    (Rule::ServiceAccountUid, ACCOUNT),
    (Rule::VolumeAttached, ATTACHMENT),
    (Rule::VolumeClaim, VOLUME),
    (Rule::VolumeDeleted, VOLUME),
    (Rule::VolumeUnowned, VOLUME),
    (Rule::WebhookBackend, DEFINITION),
    (Rule::WebhookBackend, MUTATING),
    (Rule::WebhookBackend, NODE),
    (Rule::WebhookBackend, VALIDATING),
];

/// The kinds of what calls a backend, which is a Service and its pods.
const CALLERS: [(Rule, &[&str]); 2] =
    [(Rule::ApiserviceBackend, &[API_SERVICE]), (Rule::WebhookBackend, &[DEFINITION, MUTATING, VALIDATING])];

/// Applies all rules.
pub(super) fn dangers<'i>(backup: &'i Inventory<'i>, now: &'i Inventory<'i>) -> Vec<Danger<'i>> {
    let sides = Sides { backup, now };
    let apply = |rule: &Rule| Danger::new(*rule, found(*rule, sides));
    Rule::ALL.iter().filter_map(apply).collect()
}

fn found(rule: Rule, sides: Sides<'_>) -> Vec<Subject<'_>> {
    match rule {
        Rule::ApiserviceBackend => backends::api_services(sides),
        Rule::BootstrapData => credentials::bootstrap_data(sides),
        Rule::BootstrapToken => credentials::bootstrap_tokens(sides),
        Rule::CaBundle => backends::ca_bundles(sides),
        Rule::Certificate => credentials::certificates(sides),
        Rule::ClusterCa => credentials::authorities(sides),
        Rule::CrdVersion => backends::definitions(sides),
        Rule::EncryptionKey => credentials::encryption_keys(sides),
        Rule::LeaderLease => nodes::leases(sides),
        Rule::LoadBalancer => network::load_balancers(sides),
        Rule::NodeGone => nodes::gone(sides),
        Rule::NodeJoined => nodes::joined(sides),
        Rule::NodePort => network::node_ports(sides),
        Rule::Revision => nodes::revision(sides),
        Rule::SecretBack => credentials::secrets_back(sides),
        Rule::SecretOlder => credentials::older_secrets(sides),
        Rule::ServiceAccountKey => credentials::account_keys(sides),
        Rule::ServiceAccountUid => credentials::accounts(sides),
        Rule::VolumeAttached => volumes::attached(sides),
        Rule::VolumeClaim => volumes::claims(sides),
        Rule::VolumeDeleted => volumes::deleted(sides),
        Rule::VolumeUnowned => volumes::unowned(sides),
        Rule::WebhookBackend => backends::webhooks(sides),
    }
}

/// The rules that could not be applied: a list does not have what they compare with, and the backup does; or it is
/// encrypted, and no key opens it.
pub(super) fn not_judged<'i>(backup: &'i Inventory<'i>, now: &'i Inventory<'i>) -> Vec<NotJudged> {
    let by_kind = |(_, kind): &(Rule, &'static str)| !now.has(kind) && backup.each(kind).next().is_some();
    let mut all: Vec<_> = KINDS.into_iter().filter(by_kind).collect();
    let of_snapshots = [
        (Rule::BootstrapData, "bootstrap data", backup.bootstrap.is_empty()),
        (Rule::EncryptionKey, "encrypted value", backup.sealed.is_empty()),
        (Rule::Revision, "newer revision", now.revision > backup.revision),
    ];
    all.extend(of_snapshots.into_iter().filter(|(.., none)| !now.whole && !none).map(|(rule, what, _)| (rule, what)));
    let of = |encrypted| move |(code, missing)| NotJudged { code, missing, encrypted };
    all.into_iter().map(of(false)).chain(sealed(Sides { backup, now }).into_iter().map(of(true))).collect()
}

/// The rules that encrypted objects prevent. What is stored alike on both sides has not changed.
fn sealed(sides: Sides<'_>) -> Vec<(Rule, &'static str)> {
    let Sides { backup, now } = sides;
    let differs = |kind: &'static str| {
        let then = backup.each(kind).any(|(id, known)| known.sealed && sides.is_changed(id, known));
        let since = |id, known| backup.get(id).is_none_or(|then| !backup.is_unchanged(then, now, known));
        now.has(kind) && (then || now.each(kind).any(|(id, known)| known.sealed && since(id, known)))
    };
    let mut all: Vec<_> = KINDS.into_iter().filter(|(_, kind)| differs(kind)).collect();
    for (rule, callers) in CALLERS {
        let mut of_callers = callers.iter().flat_map(|kind| backup.each(kind)).peekable();
        if of_callers.peek().is_none() {
            continue;
        }
        let is_changed = of_callers.any(|(id, known)| sides.is_changed(id, known));
        let is_sealed =
            |kind: &&'static str| differs(kind) || is_changed && backup.each(kind).any(|(_, known)| known.sealed);
        all.extend([SERVICE, POD].into_iter().filter(is_sealed).map(|kind| (rule, kind)));
    }
    all
}
