//! The page: one HTML file that needs no other, and no network.

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::Report;
use crate::hash::Sha256;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

const CHANGES: &str = r#"<div id="chart"></div><div id="changes"></div>
<p class="dim">A change was written at the time, or at most so much later as within says; the
chart counts it at the time. The program is the one that named
itself in metadata.managedFields. By ownership: no time shows which program wrote, but only this program owns the fields that
changed. -: not certain.</p>"#;

impl Report {
    /// The page. Its policy lets no script run and no style apply but its own, and nothing be loaded; the data is text
    /// that the script reads.
    #[must_use]
    pub fn html(&self) -> Vec<u8> {
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            source(STYLE),
            source(SCRIPT)
        );
        let sections = [
            ("What fills the file", r#"<div id="space"></div><p id="parts"></p>"#),
            ("Kinds, namespaces, objects", r#"<div id="way" class="tools"></div><div id="map"></div>"#),
            ("By kind", r#"<div id="kinds"></div>"#),
            ("By namespace", r#"<div id="namespaces"></div>"#),
            ("Biggest values", r#"<div id="biggest"></div>"#),
            ("Most revisions", r#"<div id="most"></div>"#),
            ("Changes", CHANGES),
            ("Findings", r#"<div id="findings"></div>"#),
        ];
        let mut page = Vec::new();
        let (title, verdict, words) = (escape(&self.path), escape(&self.verdict), escape(&self.words));
        // Writing to memory cannot fail.
        let _ = write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<h1>{title}</h1>\n<p><span class=\"verdict {verdict}\">{verdict}</span> {words}</p>\n\
             <noscript><p>The tables and pictures of this page need its script.</p></noscript>\n\
             <div id=\"summary\" class=\"cards\"></div>\n"
        );
        for (title, content) in sections {
            let _ = write!(page, "<h2>{title}</h2>\n{content}\n");
        }
        for note in &self.notes {
            let _ = writeln!(page, "<p class=\"dim\">{}</p>", escape(note));
        }
        let _ = write!(
            page,
            "<p class=\"dim\">{}</p>\n<script type=\"application/json\" id=\"data\">{}</script>\n\
             <script>{SCRIPT}</script>\n</body>\n</html>\n",
            escape(crate::document::TOOL),
            self.json()
        );
        page
    }

    /// The data, with nothing in it that ends the element around it.
    fn json(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned());
        let mut text = String::with_capacity(json.len());
        for c in json.chars() {
            match c {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    text.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => text.push(c),
            }
        }
        text
    }
}

/// The source of an inline script or style in the policy.
fn source(text: &str) -> String {
    let mut sha = Sha256::default();
    sha.update(text.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(sha.finish()))
}

/// Text in HTML.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_is_markup() {
        let text = "</script><script>alert(1)</script>\u{2028}<!-- & \" '".to_owned();
        let report = Report { path: text.clone(), words: text.clone(), notes: vec![text.clone()], ..Report::default() };
        let page = String::from_utf8(report.html()).unwrap();
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(
            !page.contains("alert(1)</script") && !page.contains('\u{2028}'.to_string().as_str())
                || page.contains("&lt;/script&gt;")
        );
        let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["path"], text);
    }

    #[test]
    fn the_page_names_nothing_that_is_elsewhere() {
        let page = String::from_utf8(Report::default().html()).unwrap();
        let page = page.replace("http://www.w3.org/2000/svg", "");
        for word in ["http:", "https:", "src=", "href=", "@import", "url(", "eval(", "innerHTML", " on", "style="] {
            let found = page.lines().find(|line| line.contains(word) && word != " on");
            assert_eq!(found, None, "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}
