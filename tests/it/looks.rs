//! What pages are made of: templates and style sheets that fit each other and the policy.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Characters of a line of a template, at most.
const WIDTH: usize = 140;

fn files(folder: &Path, kind: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, kind));
        } else if path.extension().is_some_and(|extension| extension == kind) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn templates() -> Vec<(PathBuf, String)> {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), "html");
    assert!(all.len() > 40, "{} templates", all.len());
    all
}

/// The text without what stands between two marks.
fn without(text: &str, begin: &str, end: &str) -> String {
    let mut parts = text.split(begin);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once(end).map_or("", |(_, rest)| rest))
}

/// The classes that the style sheets have rules for.
fn styled() -> BTreeSet<String> {
    let sheets = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("static/css"), "css");
    let mut classes = BTreeSet::new();
    for (_, sheet) in sheets {
        for part in sheet.split('.').skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(part.len());
            classes.insert(part[..end].to_owned());
        }
    }
    classes
}

#[test]
fn lines_of_templates_can_be_read() {
    for (path, text) in templates() {
        for (number, line) in text.lines().enumerate() {
            assert!(line.chars().count() <= WIDTH, "{}:{} is too long", path.display(), number + 1);
        }
    }
}

#[test]
fn every_class_of_a_page_has_a_rule() {
    let styled = styled();
    let mut seen = 0;
    for (path, text) in templates() {
        let markup = without(&without(&text, "{%", "%}"), "{{", "}}");
        let attributes = markup.split("class=\"").skip(1).filter_map(|rest| rest.split_once('"'));
        for class in attributes.flat_map(|(classes, _)| classes.split_whitespace()) {
            // The end of some stands in the page's struct.
            assert!(class.ends_with('-') || styled.contains(class), "{}: no rule for .{class}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen} classes");
}

#[test]
fn no_template_has_what_the_policy_forbids() {
    for (path, text) in templates() {
        for forbidden in [" style=\"", "<style", " onclick=", " onload=", " onsubmit=", "javascript:"] {
            assert!(!text.contains(forbidden), "{}: {forbidden}", path.display());
        }
    }
}
