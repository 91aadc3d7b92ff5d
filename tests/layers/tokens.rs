//! Rust source as a list of tokens, with no more grammar than the order of the rooms needs.

/// Words, `::` and single signs, without comments, string and character literals.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let get = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match (get(i), get(i + 1)) {
            ('/', '/') => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            ('/', '*') => {
                let mut depth = 0usize;
                while i < chars.len() {
                    match (get(i), get(i + 1)) {
                        ('/', '*') => {
                            depth += 1;
                            i += 2;
                        }
                        ('*', '/') => {
                            depth -= 1;
                            i += 2;
                        }
                        _ => i += 1,
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            ('"', _) => i = end_of_string(&chars, i),
            // a lifetime has no quote after its first letter; a character has, or begins with a backslash
            ('\'', '\\') => {
                i += 3;
                i += chars[i.min(chars.len())..].iter().take_while(|c| **c != '\'').count() + 1;
            }
            ('\'', _) if get(i + 2) == '\'' => i += 3,
            (c, _) if word(c) => {
                let start = i;
                while word(get(i)) {
                    i += 1;
                }
                let name: String = chars[start..i].iter().collect();
                let raw = ["r", "br", "cr"].contains(&name.as_str());
                let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
                if raw && get(i + hashes) == '"' {
                    i = end_of_raw_string(&chars, i + hashes + 1, hashes);
                } else if raw && hashes == 1 {
                    i += 1; // r#name is the name
                } else {
                    tokens.push(name);
                }
            }
            (':', ':') => {
                tokens.push("::".to_owned());
                i += 2;
            }
            (c, _) => {
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
                i += 1;
            }
        }
    }
    tokens
}

fn end_of_string(chars: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn end_of_raw_string(chars: &[char], start: usize, hashes: usize) -> usize {
    let mut i = start;
    while i < chars.len() {
        if chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}

/// Where each path of the group that opens at `at` begins.
pub(crate) fn group(tokens: &[String], at: usize) -> Vec<usize> {
    let mut items = Vec::new();
    let mut depth = 0;
    let mut fresh = true;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.as_str() {
            "{" if depth == 0 => depth = 1,
            "}" if depth == 1 => break,
            "," if depth == 1 => fresh = true,
            token => {
                if fresh {
                    items.push(i);
                    fresh = false;
                }
                match token {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
            }
        }
    }
    items
}
