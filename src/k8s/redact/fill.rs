//! The bytes that are put in place of others.

use crate::hash::hmac_sha256;

/// The form that the new bytes have to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Text or bytes, which nobody decodes.
    Text,
    /// Base64, where it is valid: typed clients decode it.
    Base64,
}

/// Bytes of the same length as `old`.
pub(super) fn filled(old: &[u8], form: Form) -> Vec<u8> {
    match form {
        Form::Base64 if is_base64(old) => {
            let padding = old.iter().rev().take_while(|byte| **byte == b'=').count();
            let len = old.len().saturating_sub(padding);
            let mut new: Vec<u8> = b"eHh4".iter().copied().cycle().take(len).collect();
            // of `x` alone and of `xx`
            let end: &[u8] = match padding {
                1 => b"eHg=",
                2 => b"eA==",
                _ => b"",
            };
            new.truncate(old.len().saturating_sub(end.len()));
            new.extend_from_slice(end);
            new
        }
        _ => vec![b'x'; old.len()],
    }
}

pub(super) fn is_base64(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let (start, _) = text.split_at_checked(text.len().saturating_sub(padding)).unwrap_or_default();
    text.len().is_multiple_of(4) && padding <= 2 && start.iter().all(|byte| is_base64_byte(*byte))
}

pub(super) fn is_base64_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Puts `new` over the bytes of `out` from `at` on.
pub(super) fn put(out: &mut [u8], at: usize, new: &[u8]) {
    if let Some(to) = at.checked_add(new.len()).and_then(|end| out.get_mut(at..end)) {
        to.copy_from_slice(new);
    }
}

/// Begins the name of a token since OpenShift 4.6.
pub(super) const HASHED: &[u8] = b"sha256~";

/// Whether a name has the mark of a token.
pub(super) fn is_marked(name: &[u8]) -> bool {
    name.starts_with(HASHED)
}

/// Another name of the same length for a secret one: the same for equal names, and random without the key.
pub(super) fn renamed(key: &[u8], name: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let start = if name.starts_with(HASHED) { HASHED } else { b"" };
    let blocks = (0_u32..).flat_map(|n| hmac_sha256(key, &[name, &n.to_be_bytes()]));
    let letters = blocks.filter_map(|byte| LETTERS.get(usize::from(byte & 31)).copied());
    start.iter().copied().chain(letters).take(name.len()).collect()
}
