//! Quoted text within braces.

/// The text between quotes (`jsonpath.UnquoteExtend`), or `None` when an escape in it is invalid.
///
/// Escaped bytes that are not UTF-8 together become U+FFFD, where Go keeps them.
pub(in crate::select) fn unquote(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    if !inner.contains(['\\', quote]) {
        return Some(inner.to_owned());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return None,
            '\\' => escape(&mut chars, quote, &mut out)?,
            c => push(&mut out, c),
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// Decodes the characters after a backslash (`strconv.UnquoteChar`).
fn escape(chars: &mut std::str::Chars<'_>, quote: char, out: &mut Vec<u8>) -> Option<()> {
    let byte = match chars.next()? {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => u8::try_from(c).ok()?,
        'x' => u8::try_from(digits(chars, 2, 16, 0)?).ok()?,
        c @ ('u' | 'U') => {
            let code = digits(chars, if c == 'u' { 4 } else { 8 }, 16, 0)?;
            push(out, char::from_u32(code)?);
            return Some(());
        }
        c => u8::try_from(digits(chars, 2, 8, c.to_digit(8)?)?).ok()?,
    };
    out.push(byte);
    Some(())
}

/// Reads `n` more digits after `code`.
fn digits(chars: &mut std::str::Chars<'_>, n: u32, radix: u32, code: u32) -> Option<u32> {
    (0..n).try_fold(code, |code, _| code.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?))
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_taken_off_as_go_does() {
        for (text, want) in [
            (r#""""#, Some("")),
            (r#""a b""#, Some("a b")),
            (r#"'it''s'"#, None),
            (r#""it's""#, Some("it's")),
            (r#"'say "x"'"#, Some("say \"x\"")),
            (r#""\t\n\\\"""#, Some("\t\n\\\"")),
            (r#""\'""#, None),
            (r#"'\''"#, Some("'")),
            (r#""\x41\101\u00e9\U0001F600""#, Some("AAé😀")),
            (r#""\xc3\xa9""#, Some("é")),
            (r#""\400""#, None),
            (r#""\ud800""#, None),
            (r#""\x4""#, None),
            (r#""\q""#, None),
            ("\"", None),
            ("x", None),
        ] {
            assert_eq!(unquote(text).as_deref(), want, "{text}");
        }
    }
}
