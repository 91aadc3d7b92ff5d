//! Validation of labels, with apimachinery's messages (`pkg/api/validate/content`).

const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
    character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// The reason why a label key is invalid, if it is (`content.IsLabelKey`).
pub(super) fn label_key(key: &str) -> Option<String> {
    let parts: Vec<&str> = key.split('/').collect();
    let (prefix, name) = match parts.as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            let example = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return Some(format!("a valid label key {KEY} {example}"));
        }
    };
    let mut errors = Vec::new();
    match prefix {
        Some("") => errors.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => {
            if prefix.len() > 253 {
                errors.push("prefix part must be no more than 253 bytes".to_owned());
            }
            if !prefix.split('.').all(is_dns_label) {
                errors.push(format!("prefix part {SUBDOMAIN}"));
            }
        }
        None => {}
    }
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        errors.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_label_name(name) {
        errors.push(format!("name part {KEY}"));
    }
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// The error in the values that a label is compared with, if any (the end of `labels.NewRequirement`).
pub(super) fn values(key: &str, values: &[String], numbers: bool) -> Vec<String> {
    let mut errors = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if numbers && value.parse::<i64>().is_err() {
            let why = "for 'Gt', 'Lt' operators, the value must be an integer";
            errors.push(format!("values[{i}]: Invalid value: {value:?}: {why}"));
        }
    }
    for (i, value) in values.iter().enumerate() {
        if let Some(why) = label_value(value) {
            errors.push(format!("values[{i}][{key}]: Invalid value: {value:?}: {why}"));
        }
    }
    errors
}

/// `content.IsLabelValue`
fn label_value(value: &str) -> Option<String> {
    let too_long = (value.len() > 63).then_some("must be no more than 63 bytes");
    let malformed = (!value.is_empty() && !is_label_name(value)).then_some(VALUE);
    let errors: Vec<&str> = too_long.into_iter().chain(malformed).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
fn is_label_name(name: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    name.starts_with(ends) && name.ends_with(ends) && name.chars().all(|c| ends(c) || matches!(c, '-' | '_' | '.'))
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_dns_label(label: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    label.starts_with(ends) && label.ends_with(ends) && label.chars().all(|c| ends(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked() {
        for good in ["a", "1", "A.b-c_d", "example.com/a", "a-b.c/D", &"x".repeat(63)] {
            assert_eq!(label_key(good), None, "{good}");
        }
        for (bad, want) in [
            (
                "a/b/c",
                format!(
                    "a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
                ),
            ),
            ("/a", "prefix part must be non-empty".to_owned()),
            ("A.io/a", format!("prefix part {SUBDOMAIN}")),
            ("a.io/", format!("name part must be non-empty; name part {KEY}")),
            ("-a", format!("name part {KEY}")),
            ("a..b/é", format!("prefix part {SUBDOMAIN}; name part {KEY}")),
            (&"x".repeat(64), "name part must be no more than 63 bytes".to_owned()),
        ] {
            assert_eq!(label_key(bad), Some(want), "{bad}");
        }
    }

    #[test]
    fn values_are_checked() {
        let long = "x".repeat(64);
        let all = ["", "a", "a b", &long, "7"].map(str::to_owned);
        let errors = values("k", &all, false);
        assert_eq!(errors.len(), 2);
        assert!(errors[0].starts_with("values[2][k]: Invalid value: \"a b\": a valid label must be"));
        assert!(errors[1].ends_with("must be no more than 63 bytes"));
        assert_eq!(values("k", &["a".to_owned(), "-1".to_owned()], true).len(), 2);
    }
}
