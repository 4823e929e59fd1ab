//! Icons: paths of 16 by 16 pixels, drawn with strokes in the colour of the text beside them.

use std::fmt;

use askama::filters::HtmlSafe;

/// An icon. What it stands for is said in words beside it, or by the label of its button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A person.
    Account,
    /// Where to go.
    Arrow,
    /// The bell of the desk: rooms, and to call.
    Bell,
    /// Statistics.
    Chart,
    /// Snippets and the API.
    Code,
    /// Layers of entries.
    Collections,
    /// To drop or close.
    Cross,
    /// What opens.
    Down,
    /// Into this machine.
    Download,
    /// The screen on the wall.
    Display,
    /// The tray of what came in.
    Entries,
    /// The overview.
    Home,
    /// Newer, or back.
    Left,
    /// The navigation of a phone.
    Menu,
    /// The rest of what can be done.
    More,
    /// Updates.
    News,
    /// Students and staff.
    People,
    /// To add.
    Plus,
    /// Requests that are passed on.
    Relay,
    /// Older, or on.
    Right,
    /// To look for something.
    Search,
    /// A sound.
    Sound,
    /// The audit trail.
    Trail,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Account => "M8 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 14c0-3 2.2-4.5 5-4.5s5 1.5 5 4.5",
            Icon::Arrow => "M2.5 8h11M9 3.5 13.5 8 9 12.5",
            Icon::Bell => "M2.5 11.5a5.5 5.5 0 0 1 11 0zM1.5 13.8h13M8 6V3.2M6.5 3.2h3",
            Icon::Chart => "M2.5 13.5h11M4 11V7M8 11V3M12 11V8",
            Icon::Code => "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
            Icon::Collections => "M8 2 14 5 8 8 2 5zM2 8l6 3 6-3M2 11l6 3 6-3",
            Icon::Cross => "m3.5 3.5 9 9m0-9-9 9",
            Icon::Down => "m4 6 4 4 4-4",
            Icon::Download => "M8 2v8m0 0L5 7m3 3 3-3M2.5 13.5h11",
            Icon::Display => "M2 3h12v8H2zM6 14h4",
            Icon::Entries => "M2 9.5 4 3h8l2 6.5V13H2zM2 9.5h3.5L6.5 11h3l1-1.5H14",
            Icon::Home => "M2.5 7.5 8 2.5l5.5 5v6h-4V10h-3v3.5h-4z",
            Icon::Left => "m10 3-5 5 5 5",
            Icon::Menu => "M2 4.5h12M2 8h12M2 11.5h12",
            Icon::More => "M3 8h.01M8 8h.01M13 8h.01",
            Icon::News => "M2 3h12v10H2zM4.5 6h7M4.5 8.5h7M4.5 11h4",
            Icon::People => {
                "M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 3.2a2.5 2.5 0 0 1 0 4.6M12 9.7c1.5.6 2.5 1.9 2.5 3.8"
            }
            Icon::Plus => "M8 3v10M3 8h10",
            Icon::Relay => "M2 5h10.5L10 2.5M14 11H3.5L6 13.5",
            Icon::Right => "m6 3 5 5-5 5",
            Icon::Search => "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM11 11l3 3",
            Icon::Sound => "M2.5 6v4h2.5l3.5 3V3L5 6zM11 5.5a3.5 3.5 0 0 1 0 5M13 3.5a6 6 0 0 1 0 9",
            Icon::Trail => "M3 4h10M3 8h10M3 12h6",
        }
    }
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="{}"/></svg>"#, self.path())
    }
}

/// Markup of our own, so a template need not escape it.
impl HtmlSafe for Icon {}
