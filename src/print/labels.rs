//! Labels and label selectors as text.

use super::fields::Fields;
use crate::k8s::{Map, Value};

/// `labels.FormatLabels`: `a=b,c=d`, or `<none>`. Go sorts the pairs as text, so that `a-b=` comes before `a=`.
#[must_use]
pub(crate) fn format_labels(labels: Option<&Map<'_>>) -> String {
    let labels = labels.into_iter().flatten();
    let mut pairs: Vec<_> =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    pairs.sort_unstable();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// `metav1.FormatLabelSelector`: in the form of `kubectl -l`, or `<none>`.
pub(super) fn format_selector(selector: Option<&Value<'_>>) -> String {
    match as_selector(selector) {
        None => "<error>".to_owned(),
        Some(text) if text.is_empty() => "<none>".to_owned(),
        Some(text) => text,
    }
}

/// `metav1.LabelSelectorAsSelector`, as text; `None` when it is no selector.
pub(super) fn as_selector(selector: Option<&Value<'_>>) -> Option<String> {
    let Some(selector) = selector else { return Some(String::new()) };
    let mut requirements: Vec<(&str, String)> = Vec::new();
    for (name, value) in selector.map("matchLabels").into_iter().flatten() {
        requirements.push((name, format!("{name}={}", value.as_str().unwrap_or_default())));
    }
    for expression in selector.list("matchExpressions") {
        let (key, mut values) = (expression.text("key"), expression.texts("values"));
        values.sort_unstable();
        let text = match (expression.text("operator"), values.is_empty()) {
            ("In", false) => format!("{key} in ({})", values.join(",")),
            ("NotIn", false) => format!("{key} notin ({})", values.join(",")),
            ("Exists", true) => key.to_owned(),
            ("DoesNotExist", true) => format!("!{key}"),
            _ => return None,
        };
        requirements.push((key, text));
    }
    requirements.sort_by_key(|(key, _)| *key);
    let texts: Vec<_> = requirements.into_iter().map(|(_, text)| text).collect();
    Some(texts.join(","))
}

/// `LabelSelector.String` of the generated code, which the printers of policies use.
pub(super) fn debug_selector(selector: &Value<'_>) -> String {
    let labels = selector.map("matchLabels").into_iter().flatten();
    let labels = labels.map(|(name, value)| format!("{name}: {},", value.as_str().unwrap_or_default()));
    let expressions = selector.list("matchExpressions").iter().map(|e| {
        let values = e.texts("values").join(" ");
        format!("LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},", e.text("key"), e.text("operator"))
    });
    let (labels, expressions) = (labels.collect::<String>(), expressions.collect::<String>());
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}

#[cfg(test)]
mod tests {
    use super::{super::testing::json, *};

    #[test]
    fn selectors_are_sorted_by_key() {
        let selector = json(
            r#"{"matchLabels":{"b":"1"},"matchExpressions":[{"key":"c","operator":"In","values":["z","y"]},
               {"key":"a","operator":"NotIn","values":["q"]},{"key":"d","operator":"Exists"},
               {"key":"aa","operator":"DoesNotExist"}]}"#,
        );
        assert_eq!(format_selector(Some(&selector)), "a notin (q),!aa,b=1,c in (y,z),d");
        assert_eq!(format_selector(Some(&json("{}"))), "<none>");
        assert_eq!(format_selector(None), "<none>");
        let broken = json(r#"{"matchExpressions":[{"key":"c","operator":"In"}]}"#);
        assert_eq!(format_selector(Some(&broken)), "<error>");
        assert_eq!(format_labels(json(r#"{"b":"1","a":"2","a/b":"3","a-b":""}"#).as_object()), "a-b=,a/b=3,a=2,b=1");
        assert_eq!(format_labels(None), "<none>");
        let want = "&LabelSelector{MatchLabels:map[string]string{b: 1,},MatchExpressions:[]LabelSelectorRequirement{\
            LabelSelectorRequirement{Key:c,Operator:In,Values:[z y],},";
        assert!(debug_selector(&selector).starts_with(want));
    }
}
