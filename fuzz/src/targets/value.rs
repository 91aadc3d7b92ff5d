//! A stored value: protobuf, JSON or CBOR, encrypted or not. What is printed as JSON is JSON and has the same content.

use std::{path::PathBuf, sync::OnceLock};

use etcdsnap::{
    k8s::{Key, Mask, Meta, Promotion, Resource, Resources, Ring, Summary, Value, decode, kyaml, sprint, yaml},
    print::{Clock, TablePrinter},
};

use super::database::parsed;

const KEY: &[u8] = b"/registry/secrets/shop/db";

pub fn run(data: &[u8]) {
    static RING: OnceLock<Ring> = OnceLock::new();
    let ring = RING.get_or_init(|| {
        let config = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/encryption.yaml"));
        let config = if config.is_file() { config } else { PathBuf::from("../fixtures/encryption.yaml") };
        Ring::read(Some(&config), None).unwrap_or_default()
    });
    let resources = Resources::default();
    let _ = (Summary::new(KEY, data, &resources), Meta::read(data), Meta::read_type(data), ring.open(KEY, data));
    let _ = Mask::reveal().value(KEY, data);
    let _ = ring.object(KEY, data);
    let Ok(mut object) = decode(data) else { return };
    let text = object.value.to_json();
    if let Some(parsed) = parsed(text.as_bytes()) {
        // Bytes, which CBOR has, are printed as text, and are no kind.
        let kind = object.value.get("kind").and_then(Value::as_str);
        assert_eq!(parsed.get("kind").and_then(serde_json::Value::as_str).filter(|_| kind.is_some()), kind);
        assert_eq!(object.kind(), kind.unwrap_or_default());
    }
    object.as_served(7);
    let mut out = Vec::new();
    yaml::write(&mut out, &object.value);
    yaml::write_item(&mut out, &object.value);
    kyaml::write(&mut out, &object.value);
    let _ = (sprint(&object.value), Promotion::of(&object.value), object.data_sizes(), Meta::tree(&object.value));
    if let Some(resource) = Resource::of_definition(&object.value) {
        let printer = TablePrinter::new(&resource, Some(&object.value), None);
        let _ = printer.row(&object.value, Clock::default());
    }
    let plural = resources.all().iter().find(|of| of.kind == object.kind());
    if let Some(resource) = plural {
        let row = TablePrinter::new(resource, None, None).row(&object.value, Clock::default());
        row.into_iter().for_each(|cell| drop(cell.into_text()));
    }
    let _ = Mask::reveal().object(&Key::new(KEY), &mut object);
}
