//! The dangers: each a rule with a code, its meaning, and what to do.

use std::fmt;

use serde::{Serialize, Serializer};

use super::inventory::Id;

macro_rules! rules {
    ($($name:ident $code:literal $meaning:literal $remedy:literal)+) => {
        /// A rule, and the kind of danger that it finds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $meaning] $name,)+
        }

        impl Rule {
            /// All rules, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code of the rule, which never changes.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// What is dangerous.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),+ }
            }

            /// What to do about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),+ }
            }
        }
    };
}

rules! {
    ApiserviceBackend "apiservice-backend"
        "An APIService comes back or changes, and its backend is not there after the restore. Its API fails, and discovery and the deletion of namespaces fail with it."
        "Delete the APIService after the restore, or start its backend."
    BootstrapData "bootstrap-data"
        "The bootstrap data of k3s or RKE2 is other data: older CA certificates and keys. A server can only open the data with the token of that time."
        "Start the servers with the token of the time of the backup."
    BootstrapToken "bootstrap-token"
        "A bootstrap token comes back that was deleted or changed since. Whoever has the token can join a Node until it expires."
        "Delete the token after the restore."
    CaBundle "ca-bundle"
        "A webhook or an APIService gets back another CA certificate than it has now. Calls fail if the certificate of its backend was renewed since."
        "Write the newer caBundle after the restore, or let its controller write it."
    Certificate "certificate"
        "A TLS Secret comes back or goes back to another certificate, which may have expired or been revoked."
        "Renew these certificates after the restore."
    ClusterCa "cluster-ca"
        "The CA certificates of the cluster go back to other ones. Clients that read them from these ConfigMaps do not trust the API server."
        "Write the newer certificates after the restore; kube-controller-manager does this for kube-root-ca.crt."
    CrdVersion "crd-version"
        "A CustomResourceDefinition loses a version that it has now. Clients and controllers that use the version fail."
        "Apply the newer definition after the restore, before its controllers start."
    EncryptionKey "encryption-key"
        "Values in the backup are encrypted with a key that encrypts no value now. The API server cannot read these values if the key was removed."
        "Add the old key to the file of --encryption-provider-config before the API servers start."
    LeaderLease "leader-lease"
        "A Lease gets back another holder than it has now. Two leaders may work until the Lease expires."
        "Stop the controllers before the restore, and start them after it."
    LoadBalancer "load-balancer"
        "A Service of type LoadBalancer comes back, disappears, or gets back another address. A load balancer is made again, or nobody deletes it."
        "After the restore, compare the load balancers at the provider, and the addresses in DNS, with the Services."
    NodeGone "node-gone"
        "A Node comes back that was removed since. Its pods are taken for running until the Node is deleted."
        "Delete these Nodes after the restore."
    NodeJoined "node-joined"
        "A Node that joined since is not in the backup. Its kubelet runs, and has no Node object."
        "Restart the kubelet on these machines after the restore, so that it registers the Node again."
    NodePort "node-port"
        "A Service gets back another node port than it has now."
        "Change what uses the node port outside the cluster, or the Service."
    Revision "revision"
        "The cluster has newer revisions than the backup, or other ones since a restore. Clients that watch from one of them miss events and get no error."
        "Raise the revision: etcdsnap restore --bump-revision auto."
    SecretBack "secret-back"
        "A Secret comes back that was deleted since. A credential that was revoked may be valid again."
        "Delete these Secrets after the restore, or change the credentials in them."
    SecretOlder "secret-older"
        "A Secret gets back other content than it has now, or its content cannot be compared. A credential that was changed after the backup gets its old value back."
        "Write the newer content after the restore."
    ServiceAccountKey "serviceaccount-key"
        "Tokens in the backup are signed with a key that signs no token Secret now. The API server refuses them if the key was removed."
        "Delete these Secrets after the restore, and make new tokens."
    ServiceAccountUid "serviceaccount-uid"
        "A ServiceAccount was made again since, and gets back its old uid. Tokens that running pods have now are refused."
        "Restart the pods of these ServiceAccounts after the restore."
    VolumeAttached "volume-attached"
        "A volume is attached to another Node than in the backup. Two Nodes may write to its disk."
        "Before the restore, stop the pods that use these volumes; after it, delete the VolumeAttachments."
    VolumeClaim "volume-claim"
        "A PersistentVolume belongs to another claim now. After the restore, the old claim has the data of the new one."
        "Copy the data before the restore, or delete the old claim after it."
    VolumeDeleted "volume-deleted"
        "A PersistentVolume comes back that was deleted since. Its disk may be gone, and then pods that use it do not start."
        "Check whether the disk exists; if it does not, restore its content, or delete the claim and the volume."
    VolumeUnowned "volume-unowned"
        "A PersistentVolume that was made since is not in the backup. Its disk is kept, and nothing in the cluster knows it, whatever its reclaim policy."
        "Write down the disks before the restore; import or delete them after it."
    WebhookBackend "webhook-backend"
        "A webhook comes back or changes, and its backend is not there after the restore. It blocks every write that it is asked about."
        "Delete the webhook configuration after the restore, until the backend runs."
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// What a danger is about: an object, or something that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject<'a> {
    /// The object; none of an encryption key, a revision and the bootstrap data.
    #[serde(flatten)]
    pub object: Option<Id<'a>>,
    /// What is special about it; may be empty.
    pub detail: String,
}

impl<'a> Subject<'a> {
    /// An object, and what is special about it.
    pub(super) fn new(id: &Id<'a>, details: &[impl AsRef<str>]) -> Self {
        let details: Vec<_> = details.iter().map(AsRef::as_ref).filter(|detail| !detail.is_empty()).collect();
        Self { object: Some(id.clone()), detail: details.join(", ") }
    }

    /// An object.
    pub(super) fn plain(id: &Id<'a>) -> Self {
        Self { object: Some(id.clone()), detail: String::new() }
    }

    /// What is no object.
    pub(super) fn other(detail: impl Into<String>) -> Self {
        Self { object: None, detail: detail.into() }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            None => f.write_str(&self.detail),
            Some(id) if self.detail.is_empty() => write!(f, "{id}"),
            Some(id) => write!(f, "{id} ({})", self.detail),
        }
    }
}

/// A danger that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Danger<'a> {
    /// The rule that found it.
    pub code: Rule,
    /// What is dangerous.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// The objects that the danger is about, at least one.
    pub objects: Vec<Subject<'a>>,
}

impl<'a> Danger<'a> {
    /// The danger that a rule found, unless it found nothing.
    pub(super) fn new(code: Rule, objects: Vec<Subject<'a>>) -> Option<Self> {
        (!objects.is_empty()).then(|| Self { code, meaning: code.meaning(), remedy: code.remedy(), objects })
    }
}

/// A rule that could not be applied.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NotJudged {
    /// The rule.
    pub code: Rule,
    /// The kind that NOW has no object of, or what else is missing.
    pub missing: &'static str,
    /// Whether objects of the kind are there, but encrypted, and no key opens them.
    pub encrypted: bool,
}
