//! Prepares the files that are embedded: copies `static/`, joins the style sheets of each kind of page into one, and
//! computes the version that is part of their addresses. A change to a file builds the program anew.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

/// Style sheets of `static/css`, joined in this order: one request instead of twenty, which compress better together.
const JOINED: [(&str, &[&str]); 4] = [
    (
        "staff.css",
        &[
            "tokens", "base", "frame", "head", "button", "table", "filter", "facet", "chart", "card", "badge", "tabs",
            "form", "dialog", "toast", "empty", "stepper", "ticket", "board", "article",
        ],
    ),
    (
        "phone.css",
        &["tokens", "base", "frame", "button", "form", "badge", "card", "ticket", "toast", "status", "article"],
    ),
    ("door.css", &["tokens", "base", "frame", "button", "form", "toast", "door"]),
    ("display.css", &["tokens", "base", "frame", "ticket", "display"]),
];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=static");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("static");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    copy(Path::new("static"), &folder)?;
    for (name, parts) in JOINED {
        let read = |part: &&str| fs::read_to_string(format!("static/css/{part}.css"));
        fs::write(folder.join(name), parts.iter().map(read).collect::<io::Result<String>>()?)?;
    }
    let mut version = DefaultHasher::new();
    digest(&folder, &mut version)?;
    println!("cargo:rustc-env=ASSETS_VERSION={:016x}", version.finish());
    Ok(())
}

/// Copies a folder, but for the style sheets, which are joined.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for path in sorted(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_file() {
            fs::copy(&path, target)?;
        } else if path != Path::new("static/css") {
            copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Adds names and contents of a folder to a digest.
fn digest(folder: &Path, into: &mut DefaultHasher) -> io::Result<()> {
    for path in sorted(folder)? {
        path.file_name().hash(into);
        if path.is_dir() {
            digest(&path, into)?;
        } else {
            fs::read(&path)?.hash(into);
        }
    }
    Ok(())
}

/// What is in a folder, by name.
fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
