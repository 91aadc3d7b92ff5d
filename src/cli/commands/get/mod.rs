mod args;
mod format;
mod lines;
mod server_flags;
mod tables;

pub(crate) use self::args::Get;
use self::{
    format::{Format, Output},
    lines::names,
};

use etcdsnap::{
    etcd::KeyValue,
    k8s::{Key, ManagedFields},
    objects::{Cluster, Form, Found, List},
    ordered::ordered_items,
    print::Template,
    select::SortBy,
};

use super::{
    object::{decode, unreadable},
    unknown::UnknownFields,
};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

impl Get {
    pub(in crate::commands) fn run(mut self, session: &mut Session) -> Result<Exit, Failure> {
        self.which = self.which.settled();
        self.check()?;
        let template =
            Format::template(self.output.as_ref(), self.template.as_deref(), self.allow_missing_template_keys)?;
        let key = self.key.as_deref();
        let sort = self.sorts().then(|| SortBy::parse(&self.sort_by)).transpose()?;
        let query = self.which.query(key);
        let picker = self.which.picker(&query, sort)?;
        let (ring, mask) = (self.keys.ring()?, self.masking.mask()?);
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let (cluster, mut found, mut exit) = self.which.find(&snapshot, ring, &query, picker, self.ignore_not_found)?;
        if key.is_none() && (template.is_some() || self.output() != Output::Summary) {
            found.objects.retain(|kv| !Key::new(kv.key).is_no_object());
        }
        if self.ignore_not_found && found.objects.is_empty() {
            return Ok(exit.max(session.close(&source, cluster.findings())?));
        }
        exit = exit.max(match (self.output(), template) {
            (_, Some(template)) => self.template(session, &cluster, &found, &template)?,
            (Output::Summary, _) => self.summaries(session, &cluster, &found.objects, &mask)?,
            (Output::Table | Output::Wide, _) => self.tables(session, &cluster, &found, &mask)?,
            (Output::Name, _) => names(session, &cluster, &found.objects, &mask)?,
            (Output::Json | Output::Ndjson | Output::Yaml | Output::Kyaml, _) => {
                self.objects(session, &cluster, &found)?
            }
        });
        Ok(exit.max(session.close(&source, cluster.findings())?))
    }

    fn objects<'a>(&self, session: &mut Session, cluster: &Cluster<'a>, found: &Found<'a>) -> Result<Exit, Failure> {
        if found.objects.is_empty() && self.asks_for_one(found) {
            return Ok(Exit::Content);
        }
        let form = match (self.output(), self.is_alone(found)) {
            (Output::Yaml, true) => Form::Yaml,
            (Output::Yaml, false) => Form::YamlList,
            (Output::Kyaml, true) => Form::Kyaml,
            (Output::Kyaml, false) => Form::KyamlList,
            (Output::Ndjson, _) => Form::Lines,
            (_, true) => Form::Json,
            (_, false) => Form::JsonList,
        };
        let (mut list, mut exit, mut unknown) = (List::new(form), Exit::Good, UnknownFields::default());
        let make = |window: Vec<&KeyValue<'a>>| {
            let (mut text, mut wrong) = (Vec::new(), Vec::new());
            for kv in window {
                match cluster.object_with(kv, self.managed_fields()) {
                    Ok(object) => {
                        form.item(&mut text, &object.value);
                        if !object.unknown.is_empty() {
                            wrong.push((kv.key, Ok(object.unknown)));
                        }
                    }
                    Err(why) => wrong.push((kv.key, Err(why))),
                }
            }
            (text, wrong)
        };
        ordered_items(
            found.objects.iter(),
            |kv| kv.value.len(),
            make,
            |(text, wrong)| {
                for (key, wrong) in wrong {
                    match wrong {
                        Ok(fields) => unknown.note(key, &fields),
                        Err(why) => exit = unreadable(key, &why),
                    }
                }
                list.write(&mut session.out, &text)
            },
        )?;
        list.finish(&mut session.out)?;
        Ok(exit)
    }

    fn template(
        &self,
        session: &mut Session,
        cluster: &Cluster<'_>,
        found: &Found<'_>,
        template: &Template,
    ) -> Result<Exit, Failure> {
        if found.objects.is_empty() && self.asks_for_one(found) {
            return Ok(Exit::Content);
        }
        let (mut exit, mut unknown) = (Exit::Good, UnknownFields::default());
        // kubectl hides managedFields in json and yaml only
        let mut decode = |kv| decode(cluster, kv, ManagedFields::Keep, &mut unknown);
        let objects = found.objects.iter().filter_map(|kv| match decode(kv) {
            Ok(object) => Some(object.value),
            Err(why) => {
                exit = unreadable(kv.key, &why);
                None
            }
        });
        template.print(&mut session.out, objects, self.is_alone(found), self.no_headers)?;
        Ok(exit)
    }
}
