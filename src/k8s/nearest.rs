//! Suggestions for misspelt names.

/// The name nearest to a misspelt `word`, if few of its letters are wrong.
#[must_use]
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let most = match word.len() {
        0..3 => return None,
        3..6 => 1,
        6..10 => 2,
        _ => 3,
    };
    let near = names.into_iter().map(|name| (distance(&word, name), name)).filter(|(edits, _)| *edits <= most);
    near.min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// Number of letters that are added, missing, wrong or swapped (optimal string alignment).
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX);
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, y) in b.iter().enumerate() {
            let after = j.saturating_add(1);
            let mut least = at(&last, j).saturating_add((x != y).into());
            least = least.min(at(&last, after).saturating_add(1)).min(at(&row, j).saturating_add(1));
            let neighbours = i.checked_sub(1).and_then(|i| a.get(i)).zip(j.checked_sub(1).and_then(|j| b.get(j)));
            if neighbours == Some((y, x)) {
                least = least.min(at(&before, j.saturating_sub(1)).saturating_add(1));
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_wrong_letters_are_near() {
        let names = ["deployments", "pods", "services", "svc"];
        for (word, want) in [
            ("deploymets", Some("deployments")),
            ("Deplyomentss", Some("deployments")),
            ("pdos", Some("pods")),
            ("scv", Some("svc")),
            ("sv", None),
            ("podlings", None),
            ("nothing", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), want, "{word}");
        }
        assert_eq!(distance(&['a', 'b', 'c'], "acb"), 1);
        assert_eq!(distance(&[], "abc"), 3);
    }
}
