//! The words of a shell script, and the programs before the one that they start.

/// The last name of a path.
pub(super) fn base(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}

/// Without the programs that only start another one, their flags and numbers, and variables set before it.
pub(super) fn without_wrappers(words: &[String]) -> &[String] {
    const WRAPPERS: [&str; 10] =
        ["exec", "export", "nice", "ionice", "env", "nohup", "time", "tini", "dumb-init", "catatonit"];
    let wraps = |word: &String| {
        WRAPPERS.contains(&base(word))
            || word.starts_with('-')
            || word.bytes().all(|b| b.is_ascii_digit())
            || assignment(word).is_some()
    };
    let at = words.iter().take_while(|word| wraps(word)).count();
    words.get(at..).unwrap_or_default()
}

pub(super) fn assignment(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| is_variable(name))
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// The text after a shell's `-c`, which may be among other letters.
pub(super) fn script(args: &[String]) -> Option<&str> {
    let is_c = |arg: &String| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('c');
    let at = args.iter().position(is_c)?;
    args.get(at.saturating_add(1)).map(String::as_str)
}

/// The words of each simple command of a shell script. Quotes are gone; what is to be put in at run time, `$...`,
/// stays.
pub(super) fn statements(script: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut chars = script.chars().peekable();
    let mut quote = None;
    let mut depth = 0usize; // of command substitutions, whose blanks do not end a word
    while let Some(c) = chars.next() {
        let blank = c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')');
        match c {
            '\\' if quote != Some('\'') => match chars.next() {
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' | '"' if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            '(' if quote != Some('\'') && (depth > 0 || word.as_ref().is_some_and(|word| word.ends_with('$'))) => {
                depth = depth.saturating_add(1);
                word.get_or_insert_default().push(c);
            }
            ')' if quote != Some('\'') && depth > 0 => {
                depth = depth.saturating_sub(1);
                word.get_or_insert_default().push(c);
            }
            '#' if quote.is_none() && depth == 0 && word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            _ if quote.is_none() && depth == 0 && blank => {
                if let (Some(word), Some(statement)) = (word.take(), statements.last_mut()) {
                    statement.push(word);
                }
                if !matches!(c, ' ' | '\t') {
                    statements.push(Vec::new());
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    if let (Some(word), Some(statement)) = (word, statements.last_mut()) {
        statement.push(word);
    }
    statements
}
