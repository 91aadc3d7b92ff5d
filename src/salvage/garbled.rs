//! Values that cannot be what was written: parts of a page may have been overwritten inside a value, where the page and
//! the record keep their form.

use rayon::prelude::*;

use super::{
    entry::Entry,
    judge::{Judged, Rule, Verdict},
};
use crate::k8s::{Key, Undecodable, decode};

/// Takes back the proof of values that have a form of Kubernetes and are broken in it.
pub(super) fn doubt_garbled(bytes: &[u8], entries: &[Entry], judged: &mut Judged) {
    let proved = |(entry, of): (&Entry, &mut (Verdict, Rule))| {
        let kv = entry.kv(bytes);
        if of.0 == Verdict::Proved && Key::new(kv.key).object().is_some() && is_garbled(kv.value) {
            *of = (Verdict::Likely, Rule::Garbled);
        }
    };
    entries.par_iter().zip(judged.verdicts.par_iter_mut()).for_each(proved);
}

/// Whether the value begins as one of Kubernetes, and is broken.
fn is_garbled(value: &[u8]) -> bool {
    use Undecodable::{Cbor, Json, Protobuf};
    matches!(decode(value), Err(Protobuf(_) | Json { .. } | Cbor { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_broken_is_garbled() {
        let pod = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x00\x1a\x00\x22\x00";
        for (value, garbled) in [
            (&pod[..], false),
            (&pod[..9], true),
            (b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x01\xff\x1a\x00\x22\x00", true),
            (br#"{"kind":"Pod"}"#, false),
            (br#"{"kind":"P"#, true),
            (b"k8s:enc:aescbc:v1:key1:\x01\x02", false),
            (b"", false),
            (b"42", false),
        ] {
            assert_eq!(is_garbled(value), garbled, "{value:?}");
        }
    }
}
