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

/// Levels of an article that are kept, such as lists in lists. Cleaning takes longer the deeper it goes.
const MAX_LEVELS: usize = 32;

/// One level down; images of other servers, which a page would not load, become links; HTML is shown as it is written.
fn as_article<'t>(events: impl Iterator<Item = Event<'t>>) -> impl Iterator<Item = Event<'t>> {
    let mut shaper = Shaper::default();
    events.filter_map(move |event| match event {
        Event::Start(tag) => shaper.open(tag).map(Event::Start),
        Event::End(_) => shaper.close().map(Event::End),
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        event => Some(event),
    })
}

/// What became of the tags that are open.
#[derive(Default)]
struct Shaper {
    /// The end of each that is written; `None`: it is left out.
    open: Vec<Option<TagEnd>>,
    levels: usize,
    links: usize,
}

impl Shaper {
    fn open<'t>(&mut self, tag: Tag<'t>) -> Option<Tag<'t>> {
        let shaped = match tag {
            _ if self.levels >= MAX_LEVELS => None,
            Tag::Heading { level, .. } => {
                Some(Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() })
            }
            Tag::HtmlBlock => Some(Tag::Paragraph),
            // Within a link its words are enough.
            Tag::Image { dest_url, .. } if !is_own(&dest_url) && self.links > 0 => None,
            Tag::Image { dest_url, title, .. } if !is_own(&dest_url) => {
                Some(Tag::Link { link_type: LinkType::Inline, dest_url, title, id: CowStr::Borrowed("") })
            }
            tag => Some(tag),
        };
        self.levels += usize::from(shaped.is_some());
        self.links += usize::from(matches!(shaped, Some(Tag::Link { .. })));
        self.open.push(shaped.as_ref().map(Tag::to_end));
        shaped
    }

    fn close(&mut self) -> Option<TagEnd> {
        let end = self.open.pop().flatten()?;
        self.levels -= 1;
        self.links -= usize::from(end == TagEnd::Link);
        Some(end)
    }
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

/// Whether a URL leads to this server, whatever that is called, as browsers read it.
fn is_own(url: &str) -> bool {
    let base = Url::parse("https://this-server.invalid/updates/").ok();
    base.is_some_and(|base| base.join(url).is_ok_and(|joined| joined.origin() == base.origin()))
}

impl std::fmt::Display for SafeHtml {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SafeHtml;

    const HOSTILE: [(&str, &str); 16] = [
        ("<script>alert(1)</script>", "<script"),
        ("[x](javascript:alert(1))", "\"javascript"),
        ("[x](data:text/html,<script>alert(1)</script>)", "\"data:"),
        ("<img src=x onerror=alert(1)>", "<img"),
        ("<img src=\" //x.org/p.gif\"> <img src=\"/&#9;/x.org/q.gif\">", "<img"),
        ("![a](<//x.org/p.gif>) ![a](</\t/x.org/q.gif>)", "<img"),
        ("<a href='/' onclick='x()'>y</a>", "<a href=\"/\" onclick"),
        ("<svg><a><set attributeName=href to=javascript:alert(1)>", "<svg"),
        ("![a](https://x.org \"x\\\" onerror=alert(1)\")", "\" onerror"),
        ("<a@b\"onclick=alert(1)>", "<a@b"),
        ("<style>p{}</style>x", "<style"),
        ("<p id=main class=btn name=csrf>x", "<p id"),
        ("# csrf {#location}", " id="),
        ("<form action=/sign-out method=post><button>x</button></form>", "<form"),
        ("<h1>x</h1>", "<h1"),
        ("<header><nav>x</nav></header>", "<nav"),
    ];

    #[test]
    fn cases_79_and_80_scripts_and_names_of_ours_do_not_survive() {
        for (markdown, bad) in HOSTILE {
            for address in [None, Some("https://d.org/updates/a")] {
                let html = SafeHtml::of_article(markdown, address).to_string();
                assert!(!html.contains(bad), "{markdown}: {html}");
            }
            let html = SafeHtml::of_markdown(markdown).to_string();
            assert!(bad == "<nav" || !html.contains(bad), "{markdown}: {html}");
        }
        assert!(SafeHtml::of_markdown("**bold** [x](https://x.org)").to_string().contains("<strong>bold</strong>"));
    }

    #[test]
    fn what_is_deep_is_flat_and_nothing_of_it_is_lost() {
        for opens in ["> ", "<div>", "- ", "[", "*a ", "![", "\u{a0}> "] {
            let html = SafeHtml::of_article(&format!("{}end", opens.repeat(90_000 / opens.len())), None).to_string();
            assert!(html.contains("end"), "{opens}");
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
            ("[![map](https://x.org/m.png)](/y)", None, "<p><a href=\"/y\" rel=\"noopener noreferrer\">map</a></p>\n"),
            ("<b>x</b> & y", None, "<p>&lt;b&gt;x&lt;/b&gt; &amp; y</p>\n"),
            ("<div>\nx", None, "<p>&lt;div&gt;\nx</p>\n"),
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
