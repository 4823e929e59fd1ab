//! Markdown as HTML that can do no harm: rendered, then cleaned of everything but text, lists, links and the like.

use pulldown_cmark::{Options, Parser, html::push_html};

/// Sanitised HTML. The only thing that templates may mark as safe.
pub struct SafeHtml(String);

impl SafeHtml {
    /// Markdown as HTML that is safe to show.
    pub fn of_markdown(text: &str) -> SafeHtml {
        let mut html = String::new();
        push_html(&mut html, Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH));
        // A page has its own headings, and loads no images of strangers.
        SafeHtml(ammonia::Builder::default().rm_tags(["h1", "h2", "img"]).clean(&html).to_string())
    }
}

impl std::fmt::Display for SafeHtml {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SafeHtml;

    #[test]
    fn scripts_do_not_survive() {
        for (markdown, has, has_not) in [
            ("**bold** [x](https://x.org)", "<strong>bold</strong>", "javascript"),
            ("<script>alert(1)</script>", "", "<script"),
            ("[x](javascript:alert(1))", "x", "javascript"),
            ("<img src=x onerror=alert(1)>", "", "<img"),
            ("<a href='/' onclick='x()'>y</a>", "y", "onclick"),
        ] {
            let html = SafeHtml::of_markdown(markdown).to_string();
            assert!(html.contains(has) && !html.contains(has_not), "{markdown}: {html}");
        }
    }
}
