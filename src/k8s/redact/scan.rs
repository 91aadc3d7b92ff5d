//! Secrets that show by their form, wherever they are: private keys, signed tokens, names of tokens.
//!
//! Only letters, digits and the other signs of base64 are replaced, so that quotes and escapes of JSON stay as they
//! are.

use super::{
    fill::{self, Form, HASHED, is_base64_byte},
    what::{Counts, Hidden},
};

/// Replaces all of them.
pub(super) fn everywhere(key: &[u8], out: &mut [u8], counts: &mut Counts) {
    private_keys(out, counts);
    encoded_keys(out, counts);
    signed_tokens(out, counts);
    names(key, out);
}

/// Where `what` is in `bytes`, from `from` on.
fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memmem::find(rest, what).map(|at| from.saturating_add(at))
}

/// Replaces each `old` by `new`, which is as long.
pub(super) fn replace(out: &mut [u8], old: &[u8], new: &[u8]) {
    let mut from = 0;
    while let Some(at) = find(out, old, from).filter(|_| !old.is_empty()) {
        fill::put(out, at, new);
        from = at.saturating_add(old.len());
    }
}

/// Replaces the names of OAuth tokens; returns whether there were any.
pub(super) fn names(key: &[u8], out: &mut [u8]) -> bool {
    let (mut from, mut any) = (0, false);
    while let Some(at) = find(out, HASHED, from) {
        let end = run(out, at.saturating_add(HASHED.len()), is_url_byte);
        if let Some(name) = out.get(at..end).filter(|name| name.len() > HASHED.len()) {
            let new = fill::renamed(key, name);
            fill::put(out, at, &new);
            any = true;
        }
        from = end;
    }
    any
}

/// The end of the run of bytes from `at` on for which `is` holds.
fn run(bytes: &[u8], at: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at.saturating_add(rest.iter().take_while(|byte| is(**byte)).count())
}

fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const PRIVATE: &[u8] = b"PRIVATE KEY-----";

/// `-----BEGIN ... PRIVATE KEY-----`, in text or within JSON, however often that is quoted.
fn private_keys(out: &mut [u8], counts: &mut Counts) {
    let mut from = 0;
    while let Some(at) = find(out, PRIVATE, from) {
        let start = at.saturating_add(PRIVATE.len());
        from = start;
        let before = out.get(at.saturating_sub(48)..at).unwrap_or_default();
        let Some(begin) = memchr::memmem::rfind(before, b"-----") else { continue };
        if !before.get(begin..).unwrap_or_default().starts_with(b"-----BEGIN") {
            continue;
        }
        let all = run(out, start, |byte| {
            is_base64_byte(byte)
                || byte.is_ascii_whitespace()
                || matches!(byte, b'\\' | b'=' | b'-' | b':' | b',' | b'.')
        });
        let end = find(out, b"-----END", start).map_or(all, |end| end.min(all));
        let mut replaced = 0_usize;
        let mut escaped = 0_usize;
        for byte in out.get_mut(start..end).unwrap_or_default() {
            match (*byte, escaped) {
                (b'\\', _) => escaped = 1,
                (b'u', 1) => escaped = 4,
                (byte, 0) if !is_base64_byte(byte) && byte != b'=' => {}
                (_, 0) => {
                    *byte = b'x';
                    replaced = replaced.saturating_add(1);
                }
                _ => escaped = escaped.saturating_sub(1),
            }
        }
        if replaced > 0 {
            counts.note(Hidden::PrivateKey, replaced);
        }
        from = end;
    }
}

/// Base64 of `-----BEGIN`, without the last two bits.
const ENCODED: &[u8] = b"LS0tLS1CRUdJTi";

/// A private key in base64, as in the `client-key-data` of a kubeconfig.
fn encoded_keys(out: &mut [u8], counts: &mut Counts) {
    use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
    let mut from = 0;
    while let Some(at) = find(out, ENCODED, from) {
        let end = run(out, at, is_base64_byte);
        let text = out.get(at..end).unwrap_or_default();
        let whole = text.get(..text.len().saturating_sub(text.len() % 4)).unwrap_or_default();
        let decoded = BASE64_STANDARD_NO_PAD.decode(whole).unwrap_or_default();
        if memchr::memmem::find(&decoded, PRIVATE).is_some() {
            let padded = run(out, end, |byte| byte == b'=').min(end.saturating_add(2));
            let old = out.get(at..padded).unwrap_or_default();
            counts.note(Hidden::PrivateKey, old.len());
            let new = fill::filled(old, Form::Base64);
            fill::put(out, at, &new);
        }
        from = end;
    }
}

/// Three runs of base64 with dots between them, of which the first is JSON (RFC 7519).
fn signed_tokens(out: &mut [u8], counts: &mut Counts) {
    const PART: usize = 16;
    let mut from = 0;
    while let Some(at) = find(out, b"eyJ", from) {
        from = at.saturating_add(3);
        let first = run(out, at, is_url_byte);
        let second = run(out, first.saturating_add(1), is_url_byte);
        let third = run(out, second.saturating_add(1), is_url_byte);
        let dots = [first, second].iter().all(|dot| out.get(*dot) == Some(&b'.'));
        let long = [at..first, first..second, second..third].iter().all(|part| part.len() > PART);
        if dots && long {
            counts.note(Hidden::SignedToken, third.saturating_sub(at));
            for byte in out.get_mut(at..third).unwrap_or_default().iter_mut().filter(|byte| **byte != b'.') {
                *byte = b'x';
            }
            from = third;
        }
    }
}
