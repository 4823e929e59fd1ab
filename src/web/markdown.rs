//! Markdown as HTML that can do no harm: rendered, then cleaned of everything but text, lists, links and the like.

use ammonia::{Builder, Url, UrlRelative};
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html::push_html};

/// Sanitised HTML. The only thing that templates may mark as safe.
pub struct SafeHtml(String);

const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH);

impl SafeHtml {
    /// Markdown as a part of a page: without the largest headings, which are the page's, and without images.
    pub fn of_markdown(text: &str) -> SafeHtml {
        let mut html = String::new();
        push_html(&mut html, Parser::new_ext(text, OPTIONS));
        SafeHtml(Builder::default().rm_tags(["h1", "h2", "img"]).clean(&html).to_string())
    }

    /// Markdown as an article: its headings begin below the page's, images are those of this server, others are links.
    /// `address`: where the article stands; then every link names its host.
    pub fn of_article(text: &str, address: Option<&str>) -> SafeHtml {
        let mut html = String::new();
        push_html(&mut html, as_article(Parser::new_ext(text, OPTIONS)));
        let mut cleaner = Builder::default();
        cleaner.rm_tags(["h1"]).attribute_filter(|element, attribute, value| {
            let is_kept = (element, attribute) != ("img", "src") || is_own(value);
            is_kept.then_some(value.into())
        });
        if let Some(base) = address.and_then(|address| Url::parse(address).ok()) {
            cleaner.url_relative(UrlRelative::RewriteWithBase(base));
        }
        SafeHtml(cleaner.clean(&html).to_string())
    }

    /// How a text in Markdown begins: its sentences without their form, without headings, tables and code, cut after a word
    /// to at most so many characters.
    pub fn beginning(text: &str, most: usize) -> String {
        let mut plain = String::new();
        let mut beside = 0;
        for event in Parser::new_ext(text, OPTIONS) {
            match event {
                Event::Start(Tag::Heading { .. } | Tag::Table(_) | Tag::CodeBlock(_)) => beside += 1,
                Event::End(TagEnd::Heading(_) | TagEnd::Table | TagEnd::CodeBlock) => beside -= 1,
                Event::Text(words) | Event::Code(words) if beside == 0 => plain.push_str(&words),
                Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph | TagEnd::Item) => plain.push(' '),
                _ => {}
            }
            if plain.chars().count() > most {
                let cut: String = plain.chars().take(most).collect();
                return format!("{}…", cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words).trim());
            }
        }
        plain.trim().to_owned()
    }
}

/// One level down; images of other servers, which a page would not load, become links.
fn as_article<'t>(events: impl Iterator<Item = Event<'t>>) -> impl Iterator<Item = Event<'t>> {
    let mut links = Vec::new();
    events.map(move |event| match event {
        Event::Start(Tag::Heading { level, id: _, classes: _, attrs: _ }) => {
            Event::Start(Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        Event::Start(Tag::Image { dest_url, title, .. }) if !is_own(&dest_url) => {
            links.push(true);
            Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, title, id: CowStr::Borrowed("") })
        }
        Event::Start(Tag::Image { .. }) => {
            links.push(false);
            event
        }
        Event::End(TagEnd::Image) if links.pop() == Some(true) => Event::End(TagEnd::Link),
        event => event,
    })
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// Whether a URL leads to this server, whatever that is called: it names neither scheme nor host.
fn is_own(url: &str) -> bool {
    let scheme_ends = url.find(':').unwrap_or(usize::MAX);
    let path_begins = url.find(['/', '?', '#']).unwrap_or(usize::MAX);
    !url.contains('\\') && !url.starts_with("//") && scheme_ends >= path_begins
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
    fn cases_79_and_80_scripts_and_names_of_ours_do_not_survive() {
        for (markdown, has, has_not) in [
            ("**bold** [x](https://x.org)", "<strong>bold</strong>", "javascript"),
            ("<script>alert(1)</script>", "", "<script"),
            ("[x](javascript:alert(1))", "x", "javascript"),
            ("[x](data:text/html,<script>alert(1)</script>)", "", "data:"),
            ("<img src=x onerror=alert(1)>", "", "onerror"),
            ("<a href='/' onclick='x()'>y</a>", "y", "onclick"),
            ("<svg><a><set attributeName=href to=javascript:alert(1)>", "", "svg"),
            ("![a](b \"x\\\" onerror=alert(1)\")", "", "\" onerror"),
            ("<a@b\"onclick=alert(1)>", "", "<a@b"),
            ("<style>p{}</style>x", "x", "<style"),
            ("<p id=main class=btn name=csrf>x", "x", "main"),
            ("# csrf {#location}", "csrf", "id="),
            ("<form action=/sign-out method=post><button>x</button></form>", "x", "<form"),
            ("<h1>x</h1>", "x", "<h1"),
        ] {
            for html in
                [SafeHtml::of_markdown(markdown), SafeHtml::of_article(markdown, Some("https://d.org/updates/a"))]
            {
                let html = html.to_string();
                assert!(html.contains(has) && !html.contains(has_not), "{markdown}: {html}");
            }
        }
    }

    #[test]
    fn an_article_has_its_headings_below_the_page_s_and_images_of_this_server() {
        let at = Some("https://d.org/updates/a");
        for (markdown, address, html) in [
            ("# One\n\n## Two", None, "<h2>One</h2>\n<h3>Two</h3>\n"),
            ("![map](/map.png)", None, "<p><img src=\"/map.png\" alt=\"map\"></p>\n"),
            ("![map](/map.png)", at, "<p><img src=\"https://d.org/map.png\" alt=\"map\"></p>\n"),
            (
                "[x](../y) [z](#part)",
                at,
                "<p><a href=\"https://d.org/y\" rel=\"noopener noreferrer\">x</a> \
                <a href=\"https://d.org/updates/a#part\" rel=\"noopener noreferrer\">z</a></p>\n",
            ),
            (
                "![map](https://x.org/m.png)",
                at,
                "<p><a href=\"https://x.org/m.png\" rel=\"noopener noreferrer\">map</a></p>\n",
            ),
            ("<img src=\"//x.org/m.png\" alt=m>", None, "<img alt=\"m\">"),
        ] {
            assert_eq!(SafeHtml::of_article(markdown, address).to_string(), html, "{markdown}");
        }
    }

    #[test]
    fn a_beginning_has_words_only() {
        for (markdown, most, beginning) in [
            (
                "# Hello\n\nThe **desk** is [open](/x).\n\n- `now`\n\n|a|b|\n|-|-|\n|1|2|\n\n    code",
                100,
                "The desk is open. now",
            ),
            ("one two three", 9, "one two…"),
            ("<b>x</b> y", 100, "x y"),
            ("", 5, ""),
        ] {
            assert_eq!(SafeHtml::beginning(markdown, most), beginning);
        }
    }
}
