//! Fields that the table of kinds does not have, reported once for each resource and not for each object.

use std::ops::{Deref, DerefMut};

use etcdsnap::k8s;

/// Fields that are not known. What was noted is reported when it goes out of scope.
#[derive(Debug, Default)]
pub(super) struct UnknownFields(k8s::UnknownFields);

impl Deref for UnknownFields {
    type Target = k8s::UnknownFields;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for UnknownFields {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for UnknownFields {
    fn drop(&mut self) {
        for (warning, hint) in self.warnings() {
            say!("warning: {warning}");
            hint.iter().for_each(|hint| say!("hint: {hint}"));
        }
    }
}
