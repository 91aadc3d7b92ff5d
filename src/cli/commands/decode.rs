use std::io::{Read as _, Write as _};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    bytes::escape,
    k8s::{Undecodable, Unopened},
    objects::Form,
};

use super::unknown::UnknownFields;
use crate::{
    args::Keys,
    failure::{Exit, Failure},
    session::Session,
};

/// Print one stored value from stdin as YAML or JSON
///
/// Reads a value that Kubernetes stored in etcd: protobuf after `k8s\0`, JSON, CBOR, also encrypted. The output is not
/// masked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdctl get /registry/pods/shop/db-0 --print-value-only | etcdsnap decode
  etcdsnap decode -o json < value.bin
  etcdsnap decode --encryption-config encryption.yaml --key /registry/secrets/shop/db < value.bin")]
pub(crate) struct Decode {
    /// The key under which etcd stored the value: printed in messages, and needed to decrypt aesgcm and kms
    #[arg(long)]
    key: Option<String>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Yaml)]
    output: Output,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// As `kubectl -o yaml`
    Yaml,
    /// As `kubectl -o json`
    Json,
}

/// etcd takes no request beyond a few MB; nothing that is stored is longer than this.
const LONGEST: u64 = 512 << 20;

impl Decode {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let ring = self.keys.ring()?;
        let mut value = Vec::new();
        let read = std::io::stdin().lock().take(LONGEST).read_to_end(&mut value);
        read.map_err(|source| Error::io("stdin", "read", source))?;
        let name = self.key.as_deref().map_or_else(|| "stdin".to_owned(), |key| escape(key.as_bytes()));
        let decode = |value| ring.object(self.key.as_deref().unwrap_or_default().as_bytes(), value);
        // etcdctl ends a value with a line feed of its own.
        let object = decode(&value).or_else(|first| {
            value.strip_suffix(b"\n").map_or(Err(first.clone()), |value| decode(value).map_err(|_| first))
        });
        let object = object.map_err(|why| {
            Error::not_found(format!("{name}: {why}")).hinted_if(match why {
                Undecodable::Opaque(0) => Some("stdin was empty".to_owned()),
                Undecodable::Opaque(_) => {
                    Some("a stored value begins with k8s\\0 (protobuf), { (JSON) or d9d9f7 (CBOR)".to_owned())
                }
                Undecodable::Encrypted(_) => Some("--encryption-config FILE opens it".to_owned()),
                Undecodable::Unopened { why: Unopened::WrongKey, .. } if self.key.is_none() => {
                    Some("aesgcm and kms need --key, the key it was stored under".to_owned())
                }
                _ => None,
            })
        })?;
        UnknownFields::default().note_as(String::new(), || name.clone(), &object.unknown);
        let mut out = Vec::new();
        let form = if self.output == Output::Yaml { Form::Yaml } else { Form::Json };
        form.item(&mut out, &object.value);
        session.out.write_all(&out)?;
        Ok(Exit::Good)
    }
}
