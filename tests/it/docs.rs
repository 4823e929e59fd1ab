//! What the documents point to exists: files, headings, source files.

use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Files below a folder, as paths from the root.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        let path = Path::new(folder).join(&name);
        if !entry.unwrap().file_type().unwrap().is_dir() {
            found.push(path);
        } else if !name.starts_with('.') && name != "node_modules" && name != "target" {
            found.extend(files(path.to_str().unwrap()));
        }
    }
    found
}

fn documents() -> Vec<(PathBuf, String)> {
    let is_document = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "md");
    let found: Vec<_> = files("").into_iter().filter(is_document).collect();
    assert!(found.len() > 10, "{found:?}");
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap())).collect()
}

/// The anchors of headings, as code hosts make them: lower case, blanks as hyphens, without punctuation.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    headings
        .map(|heading| heading.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"))
        .collect()
}

/// The targets of links.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// What stands between backticks.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn links_and_anchors_lead_somewhere() {
    for (path, text) in documents() {
        for target in links(&text).filter(|target| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let there = std::fs::read_to_string(Path::new(ROOT).join(&file));
            let there = there.unwrap_or_else(|_| panic!("{}: {target} does not exist", path.display()));
            let found = anchor.is_empty() || anchors(&there).iter().any(|known| known == anchor);
            assert!(found, "{}: {target} has no such heading", path.display());
        }
    }
}

#[test]
fn source_files_that_documents_name_exist() {
    let known = files("");
    let mut named = 0;
    for (path, text) in documents().into_iter().filter(|(path, _)| path.to_str() != Some("CHANGELOG.md")) {
        for span in code_spans(&text) {
            let name = span.split("::").next().unwrap_or("");
            let is_source = [".rs", ".mjs", ".js", ".sql", ".html"].iter().any(|ending| name.ends_with(ending));
            let is_name = name.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c)) && !name.starts_with('/');
            if is_source && is_name {
                named += 1;
                assert!(known.iter().any(|file| file.ends_with(name)), "{}: there is no {name}", path.display());
            }
        }
    }
    assert!(named > 50, "{named}");
}
