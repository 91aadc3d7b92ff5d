//! Values that may not be what was written: parts of a page may have been overwritten inside a value, where the page
//! and the record keep their form.

use rayon::prelude::*;

use super::{
    entry::Entry,
    judge::{Judged, Rule, Verdict},
};
use crate::{
    bolt::carve::Carve,
    k8s::{Key, Undecodable, decode},
};

/// Takes back the proof of values that have a form of Kubernetes and are broken in it; and, in a file that is not
/// `sound`, of values of several pages that have no form: the page of a record shows by its own form that it is whole,
/// the pages after it show nothing.
pub(super) fn doubt_garbled(carve: &Carve<'_>, entries: &[Entry], judged: &mut Judged, sound: bool) {
    let page_of = |at: u64| carve.page_at(at);
    let proved = |(entry, of): (&Entry, &mut (Verdict, Rule))| {
        if of.0 != Verdict::Proved {
            return;
        }
        let kv = entry.kv(carve.bytes());
        let form = match Key::new(kv.key).object() {
            Some(_) => form(kv.value),
            None => Form::Unknown,
        };
        match form {
            Form::Broken => *of = (Verdict::Likely, Rule::Garbled),
            Form::Unknown if page_of(entry.at) != page_of(entry.end().saturating_sub(1)) && !sound => {
                *of = (Verdict::Likely, Rule::Formless);
            }
            Form::Unknown | Form::Whole => {}
        }
    };
    entries.par_iter().zip(judged.verdicts.par_iter_mut()).for_each(proved);
}

/// What the form of a value shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It begins as a value of Kubernetes, and is one.
    Whole,
    /// It begins as a value of Kubernetes, and is broken.
    Broken,
    /// It has no known form.
    Unknown,
}

fn form(value: &[u8]) -> Form {
    use Undecodable::{Cbor, Json, Protobuf};
    match decode(value) {
        Ok(_) => Form::Whole,
        Err(Protobuf(_) | Json { .. } | Cbor { .. }) => Form::Broken,
        Err(_) => Form::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_broken_is_garbled() {
        use Form::{Broken, Unknown, Whole};
        let pod = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x00\x1a\x00\x22\x00";
        for (value, want) in [
            (&pod[..], Whole),
            (&pod[..9], Broken),
            (b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x01\xff\x1a\x00\x22\x00", Broken),
            (br#"{"kind":"Pod"}"#, Whole),
            (br#"{"kind":"P"#, Broken),
            (b"k8s:enc:aescbc:v1:key1:\x01\x02", Unknown),
            (b"", Unknown),
            (b"42", Unknown),
        ] {
            assert_eq!(form(value), want, "{value:?}");
        }
    }
}
