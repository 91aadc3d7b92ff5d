//! `print`, `println` and `printf`, as by package fmt.

use super::{
    datum::Datum,
    error::{is_print, quoted},
};
use crate::k8s::Value;

/// Limit on a width or precision.
const WIDEST: usize = 1 << 16;

/// `fmt.Sprint`: a blank between two values of which neither is text.
pub(super) fn print(values: &[Datum<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let is_text = |value: Option<&Datum<'_>>| matches!(value, Some(Datum::Text(_)));
    for (i, value) in values.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| values.get(i));
        if before.is_some() && !is_text(before) && !is_text(Some(value)) {
            out.push(b' ');
        }
        value.print(&mut out);
    }
    out
}

/// `fmt.Sprintln`: a blank between any two values.
pub(super) fn println(values: &[Datum<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        value.print(&mut out);
    }
    out.push(b'\n');
    out
}

/// `evalArgs`: the text to be escaped.
pub(super) fn evaluated(values: &[Datum<'_>]) -> String {
    let shown = values.iter().map(|value| match value.is_nothing() {
        true => Datum::text("<no value>"),
        false => value.clone(),
    });
    let values: Vec<_> = shown.collect();
    String::from_utf8_lossy(&print(&values)).into_owned()
}

/// The flags of a verb, its width and precision.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprintf`, without `%#v`, `%[1]d` and `%*d`.
pub(super) fn printf(format: &Datum<'_>, values: &[Datum<'_>]) -> Result<Vec<u8>, String> {
    let Datum::Text(format) = format else { return Err("the format is no text".to_owned()) };
    let format = String::from_utf8_lossy(format);
    let (mut out, mut values, mut chars) = (Vec::new(), values.iter(), format.chars().peekable());
    while let Some(c) = chars.next() {
        if c != '%' {
            push(&mut out, c);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = chars.next_if(|c| "+-# 0".contains(*c)) {
            match flag {
                '-' => flags.minus = true,
                '+' => flags.plus = true,
                '#' => flags.sharp = true,
                '0' => flags.zero = true,
                _ => flags.space = true,
            }
        }
        flags.width = number(&mut chars)?;
        if chars.next_if_eq(&'.').is_some() {
            flags.precision = Some(number(&mut chars)?.unwrap_or(0));
        }
        match chars.next() {
            None => out.extend_from_slice(b"%!(NOVERB)"),
            Some('%') => out.push(b'%'),
            Some(verb @ ('[' | '*')) => return Err(format!("printf: %{verb} is not supported")),
            Some('v') if flags.sharp => return Err("printf: %#v is not supported".to_owned()),
            Some(verb) => match values.next() {
                None => out.extend_from_slice(format!("%!{verb}(MISSING)").as_bytes()),
                Some(value) => formatted(&mut out, value, verb, flags)?,
            },
        }
    }
    let extra: Vec<_> = values.map(typed).collect();
    if !extra.is_empty() {
        out.extend_from_slice(format!("%!(EXTRA {})", extra.join(", ")).as_bytes());
    }
    Ok(out)
}

/// A value by `%s`.
pub(super) fn as_text(value: &Datum<'_>) -> String {
    let mut out = Vec::new();
    // fails for floats with some verbs only
    let _ = formatted(&mut out, value, 's', Flags::default());
    String::from_utf8_lossy(&out).into_owned()
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A width or precision.
fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, String> {
    let mut number = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) {
        number = Some(number.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit as usize));
    }
    if number > Some(WIDEST) {
        return Err(format!("printf: a width or precision over {WIDEST} is not supported"));
    }
    Ok(number)
}

/// `int=7`: a value that does not fit the verb.
fn typed(value: &Datum<'_>) -> String {
    if value.is_nothing() { "<nil>".to_owned() } else { format!("{}={}", value.go_type(), value.shown()) }
}

fn formatted(out: &mut Vec<u8>, value: &Datum<'_>, verb: char, flags: Flags) -> Result<(), String> {
    match value {
        _ if verb == 'T' => {
            let name = if value.is_nothing() { "<nil>" } else { value.go_type() };
            padded(out, name.as_bytes(), flags);
        }
        Datum::Nothing | Datum::Nil if verb == 'v' => padded(out, b"<nil>", flags),
        Datum::List(list) => {
            out.push(b'[');
            for (i, element) in list.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                element_of(out, element, verb, flags)?;
            }
            out.push(b']');
        }
        Datum::Map(map) => {
            out.extend_from_slice(b"map[");
            for (i, (name, member)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                formatted(out, &Datum::text(name.as_ref()), verb, flags)?;
                out.push(b':');
                element_of(out, member, verb, flags)?;
            }
            out.push(b']');
        }
        Datum::Text(text) => match text_as(text, verb, flags) {
            Some(text) => padded(out, &text, flags),
            None => bad(out, value, verb),
        },
        _ => match scalar_as(value, verb, flags)? {
            Some((text, true)) => numeric(out, &text, flags),
            Some((text, false)) => padded(out, text.as_bytes(), flags),
            None => bad(out, value, verb),
        },
    }
    Ok(())
}

/// An element or member; null is accepted by any verb.
fn element_of(out: &mut Vec<u8>, value: &Value<'_>, verb: char, flags: Flags) -> Result<(), String> {
    match value {
        Value::Null => out.extend_from_slice(b"<nil>"),
        value => formatted(out, &value.into(), verb, flags)?,
    }
    Ok(())
}

/// A verb that does not fit (`badVerb`).
fn bad(out: &mut Vec<u8>, value: &Datum<'_>, verb: char) {
    out.extend_from_slice(format!("%!{verb}({})", typed(value)).as_bytes());
}

fn text_as(text: &[u8], verb: char, flags: Flags) -> Option<Vec<u8>> {
    let most = flags.precision.unwrap_or(usize::MAX);
    let lossy = || String::from_utf8_lossy(text);
    match verb {
        'v' | 's' if flags.precision.is_none() => Some(text.to_vec()),
        'v' | 's' => Some(lossy().chars().take(most).collect::<String>().into_bytes()),
        'q' => {
            let text: String = lossy().chars().take(most).collect();
            let raw = flags.sharp && text.chars().all(|c| c != '`' && (c == '\t' || is_print(c)));
            Some(if raw { format!("`{text}`") } else { quoted(&text) }.into_bytes())
        }
        'x' | 'X' => {
            let mut hex = Vec::new();
            for (i, byte) in text.iter().take(most).enumerate() {
                if flags.space && i > 0 {
                    hex.push(b' ');
                }
                if flags.sharp && (i == 0 || flags.space) {
                    hex.extend([b'0', if verb == 'x' { b'x' } else { b'X' }]);
                }
                let digits = if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") };
                hex.extend_from_slice(digits.as_bytes());
            }
            Some(hex)
        }
        _ => None,
    }
}

/// A boolean or number as text, and whether it is a number's.
fn scalar_as(value: &Datum<'_>, verb: char, flags: Flags) -> Result<Option<(String, bool)>, String> {
    let sign = |text: String| match (text.starts_with('-'), flags.plus, flags.space) {
        (false, true, _) => format!("+{text}"),
        (false, false, true) => format!(" {text}"),
        _ => text,
    };
    Ok(match (value, verb) {
        (Datum::Bool(is), 'v' | 't') => Some((is.to_string(), false)),
        (Datum::Float(_), 'v') => Some((sign(value.shown()), true)),
        (Datum::Float(_), 'g' | 'G') if flags.precision.is_none() => Some((sign(value.shown()), true)),
        (Datum::Float(_), 'g' | 'G' | 'b' | 'x' | 'X') => return Err(format!("printf: %{verb} is not supported")),
        (Datum::Float(f), 'f' | 'F') => Some((sign(format!("{f:.*}", flags.precision.unwrap_or(6))), true)),
        (Datum::Float(f), 'e' | 'E') => Some((sign(exponent(*f, flags.precision.unwrap_or(6), verb)), true)),
        _ => {
            let Some(n) = value.integer() else { return Ok(None) };
            let minus = if n < 0 { "-" } else { "" };
            let size = n.unsigned_abs();
            let prefix = |prefix: &'static str| if flags.sharp { prefix } else { "" };
            let (prefix, digits) = match verb {
                'v' | 'd' => ("", size.to_string()),
                'b' => (prefix("0b"), format!("{size:b}")),
                'o' => (prefix("0"), format!("{size:o}")),
                'O' => ("0o", format!("{size:o}")),
                'x' => (prefix("0x"), format!("{size:x}")),
                'X' => (prefix("0X"), format!("{size:X}")),
                'U' => return Ok(Some((format!("U+{size:04X}"), false))),
                'c' | 'q' => {
                    let c = u32::try_from(n).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                    let text = if verb == 'c' { c.to_string() } else { quoted_char(c) };
                    return Ok(Some((text, false)));
                }
                _ => return Ok(None),
            };
            let least = flags.precision.unwrap_or(0);
            Some((sign(format!("{minus}{prefix}{digits:0>least$}")), true))
        }
    })
}

/// `1.500000e+03`
fn exponent(f: f64, precision: usize, verb: char) -> String {
    let text = format!("{f:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}{verb}{sign}{exponent:0>2}")
}

fn quoted_char(c: char) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => format!("'{}'", quoted(&c.to_string()).trim_matches('"')),
    }
}

/// Text in its width.
fn padded(out: &mut Vec<u8>, text: &[u8], flags: Flags) {
    let missing = flags.width.unwrap_or(0).saturating_sub(String::from_utf8_lossy(text).chars().count());
    let pad = vec![if flags.zero && !flags.minus { b'0' } else { b' ' }; missing];
    let (before, after) = if flags.minus { (text, pad.as_slice()) } else { (pad.as_slice(), text) };
    out.extend_from_slice(before);
    out.extend_from_slice(after);
}

/// A number in its width; zeros go after its sign.
fn numeric(out: &mut Vec<u8>, text: &str, flags: Flags) {
    let fills = flags.zero && !flags.minus && flags.precision.is_none_or(|_| text.contains('.'));
    let sign = text.get(..1).filter(|sign| fills && matches!(*sign, "-" | "+" | " ")).unwrap_or_default();
    out.extend_from_slice(sign.as_bytes());
    let width = flags.width.map(|width| width.saturating_sub(sign.len()));
    let rest = text.strip_prefix(sign).unwrap_or(text);
    padded(out, rest.as_bytes(), Flags { width, zero: fills, ..flags });
}
