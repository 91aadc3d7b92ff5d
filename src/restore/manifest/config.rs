//! etcd's own configuration: the YAML of `--config-file`, as RKE2 and k3s write it, or a file of `ETCD_...` variables,
//! as systemd reads it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Where etcd's configuration is.
pub(super) const HINT: &str =
    "RKE2 has it in server/db/etcd/config below its data directory, systemd in the unit's EnvironmentFile=";

/// The variables in `bytes`; `None` when these are no lines of variables.
pub(super) fn variables(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let known: BTreeMap<_, _> = std::str::from_utf8(bytes).ok()?.lines().filter_map(variable).collect();
    Some(known).filter(|known| !known.is_empty())
}

/// The flags that are equal to the YAML `documents`.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) fn flags(documents: &[Value]) -> Result<Vec<String>, (String, &'static str)> {
    let [Value::Object(config)] = documents else {
        return Err(("neither the YAML of etcd's --config-file nor lines such as ETCD_NAME=...".to_owned(), HINT));
    };
    if config.contains_key("kind") {
        return Err(("a Kubernetes object, not etcd's configuration".to_owned(), "--from-manifest takes it"));
    }
    let mut flags = Vec::new();
    for (name, value) in config {
        match (name.as_str(), value) {
            ("client-transport-security", Value::Object(tls)) => flags.extend(tls.iter().filter_map(|f| flag("", f))),
            ("peer-transport-security", Value::Object(tls)) => {
                flags.extend(tls.iter().filter_map(|f| flag("peer-", f)));
            }
            _ => flags.extend(flag("", (name, value))),
        }
    }
    Ok(flags)
}

fn flag(prefix: &str, (name, value): (&String, &Value)) -> Option<String> {
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) | Value::Null => return None,
    };
    Some(format!("--{prefix}{name}={value}"))
}

/// The variable of a line such as `ETCD_NAME="m1"`.
fn variable(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).trim_start().split_once('=')?;
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
    let upper = |c: char| c == '_' || c.is_ascii_uppercase();
    (name.starts_with("ETCD_") && name.chars().all(upper)).then(|| (name.to_owned(), value.to_owned()))
}
