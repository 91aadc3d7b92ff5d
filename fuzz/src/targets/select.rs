//! Templates and selectors, with an object for them: the first byte is the language, a zero byte is between the two.

use super::database::documents;
use etcdsnap::{
    k8s::{Value, decode},
    print::CustomColumns,
    select::{FieldSelector, LabelSelector, SortBy, gotemplate, jsonpath},
};

pub fn run(data: &[u8]) {
    let Some((language, rest)) = data.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (text, object) = (String::from_utf8_lossy(&rest[..end]), rest.get(end + 1..).unwrap_or_default());
    let decoded = decode(object);
    let object = decoded.as_ref().map_or(Value::Null, |object| object.value.clone());
    let mut out = Vec::new();
    match language % 6 {
        0 => {
            if let Ok(path) = jsonpath::JsonPath::parse(&text) {
                for json in [false, true] {
                    let path = path.clone().allow_missing_keys(!json).output_json(json);
                    out.clear();
                    if path.execute(&mut out, &object).is_ok() && json {
                        documents(&out);
                    }
                }
            }
        }
        1 => {
            if let Ok(template) = gotemplate::GoTemplate::parse(&text) {
                let _ = template.allow_missing_keys(language & 8 == 0).execute(&mut out, &object);
            }
        }
        2 => {
            for columns in [CustomColumns::from_spec(&text), CustomColumns::from_template(&text)].into_iter().flatten()
            {
                let _ = (columns.headers(), columns.row(&object));
            }
        }
        3 => {
            if let Ok(labels) = LabelSelector::parse(&text) {
                let _ = labels.matches(object.at(&["metadata"]).and_then(Value::as_object));
            }
        }
        4 => {
            if let Ok(mut fields) = FieldSelector::parse(&text) {
                fields.matches(&object);
                let _ = fields.finish();
            }
        }
        _ => {
            if let Ok(sort) = SortBy::parse(&text) {
                let keys = [&object, &Value::Null].map(|value| sort.key(value));
                let keys: Vec<_> = keys.into_iter().flatten().map(|key| (key, ())).collect();
                let _ = sort.sort(keys);
            }
        }
    }
}
