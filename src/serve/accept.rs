//! The form of an answer, by what the client accepts (`pkg/endpoints/handlers/negotiation`).

use super::status::Refusal;

/// What an answer holds of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The object.
    Object,
    /// The row of a Table.
    Table,
    /// Its metadata.
    Metadata,
}

/// The first accepted form that there is: JSON, plain, as a Table, or of metadata alone.
pub(super) fn form(accept: &str) -> Result<Form, Refusal> {
    if accept.trim().is_empty() {
        return Ok(Form::Object);
    }
    for accepted in accept.split(',') {
        let mut words = accepted.split(';').map(str::trim);
        if !matches!(words.next(), Some("application/json" | "application/*" | "*/*")) {
            continue;
        }
        let (mut kind, mut group, mut version) = ("", "", "");
        for word in words {
            match word.split_once('=') {
                Some(("as", value)) => kind = value,
                Some(("g", value)) => group = value,
                Some(("v", value)) => version = value,
                _ => {}
            }
        }
        match (kind, group, version) {
            ("", ..) => return Ok(Form::Object),
            ("Table", "meta.k8s.io", "v1") => return Ok(Form::Table),
            ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => return Ok(Form::Metadata),
            _ => {}
        }
    }
    Err(Refusal::not_acceptable())
}

/// Whether the client accepts the list of groups with their resources.
pub(super) fn takes_aggregated(accept: &str) -> bool {
    let is_it = |accepted: &str| {
        let mut words = accepted.split(';').map(str::trim);
        words.next() == Some("application/json") && {
            let words: Vec<_> = words.collect();
            ["g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"].iter().all(|word| words.contains(word))
        }
    };
    accept.split(',').any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_there_is_counts() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
        for (accept, want) in [
            (table, Ok(Form::Table)),
            (metadata, Ok(Form::Metadata)),
            ("application/vnd.kubernetes.protobuf,application/json", Ok(Form::Object)),
            ("application/json;as=Table;v=v9;g=meta.k8s.io, application/json", Ok(Form::Object)),
            ("", Ok(Form::Object)),
            ("*/*", Ok(Form::Object)),
            ("application/vnd.kubernetes.protobuf", Err(Refusal::not_acceptable())),
        ] {
            assert_eq!(form(accept), want, "{accept}");
        }
    }

    #[test]
    fn aggregated_discovery_is_asked_for_by_name() {
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        assert!(takes_aggregated(&format!("{v2},application/json")));
        assert!(!takes_aggregated(&v2.replace("v2", "v2beta1")) && !takes_aggregated("application/json"));
    }
}
