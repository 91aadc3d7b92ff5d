//! Parts of JSON text, without building the rest.

use super::{
    budget::Budget,
    error::Undecodable,
    json_read::Parser,
    value::{Map, Value},
};

/// The part of a value that is picked.
#[derive(Debug)]
pub(super) enum Picked {
    /// All of it.
    All,
    /// Of an object these members, and this part of each; of another value all.
    Members(&'static [(&'static str, Self)]),
    /// Of a list this part of each item; of another value all.
    Items(&'static Self),
}

/// Decodes a part of the one value in `data`. What is wrong in the rest is found too.
pub(super) fn pick<'a>(data: &'a [u8], wanted: &Picked) -> Result<Value<'a>, Undecodable> {
    let mut budget = Budget::default();
    let mut parser = Parser::new(data, &mut budget);
    let value = parser.pick(wanted, 0)?;
    parser.end()?;
    Ok(value)
}

impl<'a> Parser<'a, '_> {
    fn pick(&mut self, wanted: &Picked, depth: u32) -> Result<Value<'a>, Undecodable> {
        self.space();
        match (wanted, self.peek()) {
            (Picked::Members(members), Some(b'{')) => {
                let mut map = Map::default();
                self.members(depth, |parser, name, depth| {
                    match members.iter().find(|(wanted, _)| *wanted == name) {
                        Some((_, wanted)) => {
                            let value = parser.pick(wanted, depth)?;
                            parser.budget.item(map.len())?;
                            map.entries().push((name, value));
                        }
                        None => parser.pass_over(depth)?,
                    }
                    Ok(())
                })?;
                map.sort();
                Ok(Value::Object(map))
            }
            (Picked::Items(wanted), Some(b'[')) => {
                let mut list = Vec::new();
                self.items(depth, |parser, depth| {
                    parser.budget.item(list.len())?;
                    list.push(parser.pick(wanted, depth)?);
                    Ok(())
                })?;
                Ok(Value::List(list))
            }
            _ => self.value(depth),
        }
    }

    /// Goes to the value of the member `name` of the object here, and returns whether there is one. What is after the
    /// member is not read.
    pub(super) fn enter(&mut self, name: &str, depth: u32) -> Result<bool, Undecodable> {
        self.space();
        if self.peek() != Some(b'{') {
            return self.pass_over(depth).map(|()| false);
        }
        self.members_until(depth, |parser, member, depth| {
            let is_it = member == name;
            if !is_it {
                parser.pass_over(depth)?;
            }
            Ok(is_it)
        })
    }

    /// Calls `each` with the name and the text of every member of the object here.
    pub(super) fn texts(&mut self, depth: u32, each: &mut dyn FnMut(&str, &'a [u8])) -> Result<(), Undecodable> {
        self.space();
        if self.peek() != Some(b'{') {
            return self.pass_over(depth);
        }
        self.members(depth, |parser, name, depth| {
            parser.space();
            let start = parser.at;
            parser.pass_over(depth)?;
            each(&name, parser.data.get(start..parser.at).unwrap_or_default());
            Ok(())
        })
    }

    /// Passes over one value; what is wrong in it is found.
    fn pass_over(&mut self, depth: u32) -> Result<(), Undecodable> {
        self.space();
        match self.peek() {
            _ if self.is_too_deep(depth) => Err(Undecodable::Deep),
            Some(b'{') => self.members(depth, |parser, _, depth| parser.pass_over(depth)),
            Some(b'[') => self.items(depth, Self::pass_over),
            Some(b'"') => self.pass_string(),
            _ => self.value(depth).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_that_of_the_whole() {
        static WANTED: Picked = Picked::Members(&[
            ("a", Picked::All),
            ("b", Picked::Items(&Picked::Members(&[("c", Picked::All)]))),
            ("d", Picked::Members(&[])),
            ("e", Picked::Members(&[])),
        ]);
        let text =
            br#" {"x":{"a":[1,"\"}\u00e9",{}]},"a":{"x":1},"b":[{"c":1,"x":"]"},2,{}],"d":{"x":[]},"e":7,"a":[3]} "#;
        let picked = pick(text, &WANTED).unwrap();
        assert_eq!(picked.to_json(), r#"{"a":[3],"b":[{"c":1},2,{}],"d":{},"e":7}"#);
    }

    #[test]
    fn what_is_wrong_in_the_rest_is_found() {
        for bad in
            [r#"{"x":01}"#, r#"{"x":"\q"}"#, "{\"x\":\"\n\"}", r#"{"x":[1,]}"#, r#"{"x":nul}"#, r#"{"x":"a}"#, "{} 1"]
        {
            let whole = super::super::json_read::parse(bad.as_bytes());
            assert!(whole.is_err());
            assert_eq!(pick(bad.as_bytes(), &Picked::Members(&[])), whole, "{bad}");
        }
        let deep = format!(r#"{{"x":{}}}"#, "[".repeat(100_000));
        assert_eq!(pick(deep.as_bytes(), &Picked::Members(&[])), Err(Undecodable::Deep));
    }

    #[test]
    fn what_is_after_a_member_is_not_read() {
        let member = |text: &str| {
            let mut budget = Budget::default();
            let mut parser = Parser::new(text.as_bytes(), &mut budget);
            let mut found = Vec::new();
            let entered = parser.enter("a", 0)?;
            if entered {
                parser.texts(1, &mut |name, text| {
                    found.push(format!("{name}={}", String::from_utf8_lossy(text)));
                })?;
            }
            Ok::<_, Undecodable>(entered.then_some(found))
        };
        let named = |list: &[&str]| Ok(Some(list.iter().map(|text| (*text).to_owned()).collect()));
        assert_eq!(member(r#" {"x" : [1,{}] , "\u0061": {"b": "}" ,"c":[2] } , broken"#), named(&["b=\"}\"", "c=[2]"]));
        assert_eq!(member(r#"{"a":7}"#), named(&[]));
        for none in ["{}", r#"{"x":{"a":{}}}"#, "[1]", "7"] {
            assert_eq!(member(none), Ok(None), "{none}");
        }
        for bad in ["", "{", r#"{"x":1"#, r#"{"x":1,}"#, r#"{"x"}"#, r#"{"x":01,"a":{}}"#, r#"{"a":{"#] {
            assert!(member(bad).is_err(), "{bad}");
        }
    }
}
