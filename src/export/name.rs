//! File names that every file system and shell accepts.

/// Limit on a name in bytes: with its number and its ending it has to stay below 255.
const MAX_STEM: usize = 200;

/// A file name, `0012-deployment-shop-web.yaml`: the `number` in the order of applying, with `width` digits, then the
/// name of the object, in which all but letters, digits, `-` and `.` becomes `_`.
#[must_use]
pub(crate) fn file_name(number: usize, width: usize, parts: &[&str], ending: &str) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
    let stem: String = parts.join("-").chars().map(plain).take(MAX_STEM).collect();
    format!("{number:0width$}-{stem}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_are_safe() {
        assert_eq!(file_name(12, 4, &["deployment", "shop", "web"], "yaml"), "0012-deployment-shop-web.yaml");
        assert_eq!(file_name(1, 1, &["role", "", "a:b/../\n\u{202e}é"], "json"), "1-role-a_b_..____.json");
        let long = "x".repeat(1000);
        assert!(file_name(usize::MAX, 20, &["pod", &long, &long], "yaml").len() < 255);
    }
}
