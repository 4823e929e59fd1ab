//! Who uses whom, read from the source: which file names something that another file defines, and which crates it names.
//!
//! A path counts wherever it stands: in `use`, in code, in the arguments of a macro. A name that a module only passes on
//! (`pub use`) leads to the file that defines it. Code under `#[cfg(test)]` does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree};

/// Modules are written `entries::import::run`; the crate itself is the empty name.
pub type Module = String;

/// Who names what of whom. Nobody uses themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub from: Module,
    pub to: Module,
    /// The item, as far as the path tells it; empty for the module itself.
    pub item: String,
}

/// What one file says.
#[derive(Default)]
struct Source {
    /// `name` → the path it stands for, from `use` at the top of the file.
    imports: BTreeMap<String, Vec<String>>,
    /// The same of `pub use`, which passes names on.
    exports: BTreeMap<String, Vec<String>>,
    /// Every other path of two names and more.
    paths: BTreeSet<Vec<String>>,
}

/// Everything that the files under `src` use: of each other, and of which crates.
pub struct Uses {
    pub edges: BTreeSet<Edge>,
    /// The first names of paths that lead out of the crate, such as `rocket`.
    pub crates: BTreeMap<Module, BTreeSet<String>>,
}

/// Reads the files under `src`.
pub fn uses(src: &Path) -> Uses {
    let mut sources = BTreeMap::new();
    read(src, &mut Vec::new(), &mut sources);
    let mut uses = Uses { edges: BTreeSet::new(), crates: BTreeMap::new() };
    for (module, source) in &sources {
        for path in source.imports.values().chain(&source.paths) {
            match resolve(&sources, module, path, 0) {
                Some((to, item)) if to != *module => {
                    uses.edges.insert(Edge { from: module.clone(), to, item });
                }
                Some(_) => {}
                None => {
                    uses.crates.entry(module.clone()).or_default().insert(path[0].clone());
                }
            }
        }
    }
    uses
}

fn read(folder: &Path, within: &mut Vec<String>, into: &mut BTreeMap<Module, Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            within.push(name);
            read(&path, within, into);
            within.pop();
        } else if path.extension().is_some_and(|e| e == "rs") && name != "main" {
            let own = !matches!(name.as_str(), "mod" | "lib");
            within.extend(own.then_some(name));
            into.insert(within.join("::"), parse(&fs::read_to_string(&path).unwrap()));
            within.truncate(within.len() - usize::from(own));
        }
    }
}

fn parse(text: &str) -> Source {
    let mut source = Source::default();
    for item in syn::parse_file(text).unwrap().items {
        match &item {
            Item::Use(item) if is_test(&item.attrs) => {}
            Item::Use(item) => {
                let passed_on = !matches!(item.vis, syn::Visibility::Inherited);
                let names = if passed_on { &mut source.exports } else { &mut source.imports };
                imported(&item.tree, &mut Vec::new(), names);
            }
            Item::Mod(item) if item.content.is_none() || is_test(&item.attrs) => {}
            item => {
                let mut rest = Vec::new();
                paths(item.to_token_stream(), &mut rest, &mut source.paths);
            }
        }
    }
    source
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.meta.to_token_stream().to_string().contains("test"))
}

fn imported(tree: &UseTree, within: &mut Vec<String>, into: &mut BTreeMap<String, Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            within.push(path.ident.to_string());
            imported(&path.tree, within, into);
            within.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| imported(tree, within, into)),
        UseTree::Name(name) if name.ident == "self" => {
            into.insert(within.last().unwrap().clone(), within.clone());
        }
        UseTree::Name(name) => {
            into.insert(name.ident.to_string(), [within.clone(), vec![name.ident.to_string()]].concat());
        }
        UseTree::Rename(name) => {
            // `as _` may stand more than once.
            let known_as = if name.rename == "_" { format!("_{}", into.len()) } else { name.rename.to_string() };
            into.insert(known_as, [within.clone(), vec![name.ident.to_string()]].concat());
        }
        UseTree::Glob(_) => {
            into.insert(format!("*{}", within.join("::")), within.clone());
        }
    }
}

/// Gathers `a::b::c` from tokens, those of macros too.
fn paths(tokens: TokenStream, path: &mut Vec<String>, into: &mut BTreeSet<Vec<String>>) {
    let mut colons = 0;
    let mut end = |path: &mut Vec<String>| {
        if path.len() > 1 {
            into.insert(std::mem::take(path));
        }
        path.clear();
    };
    let mut groups = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(path);
                }
                path.push(ident.to_string());
                colons = 0;
            }
            token => {
                end(path);
                colons = 0;
                if let TokenTree::Group(group) = token {
                    groups.push(group.stream());
                }
            }
        }
    }
    end(path);
    for group in groups {
        paths(group, &mut Vec::new(), into);
    }
}

/// The file that a path leads to from a module, and what it names there; `None`: out of the crate, or to a name that no
/// module has.
fn resolve(sources: &BTreeMap<Module, Source>, from: &str, path: &[String], depth: usize) -> Option<(Module, String)> {
    if depth > 20 {
        return None;
    }
    let (first, rest) = path.split_first()?;
    let here: Vec<String> = from.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let (mut at, mut rest) = match first.as_str() {
        "crate" => (Vec::new(), rest),
        "self" => (here, rest),
        "super" => (here[..here.len().checked_sub(1)?].to_vec(), rest),
        name => {
            if let Some(full) = sources[from].imports.get(name).filter(|full| full.as_slice() != path) {
                return resolve(sources, from, &[full, rest].concat(), depth + 1);
            }
            let child = [here.as_slice(), std::slice::from_ref(first)].concat();
            if !sources.contains_key(&child.join("::")) {
                return None;
            }
            (child, rest)
        }
    };
    while let Some((name, more)) = rest.split_first() {
        if name == "super" {
            at.pop();
            rest = more;
            continue;
        }
        let child = [at.as_slice(), std::slice::from_ref(name)].concat();
        if sources.contains_key(&child.join("::")) {
            at = child;
            rest = more;
            continue;
        }
        let module = at.join("::");
        if let Some(full) = sources.get(&module)?.exports.get(name) {
            return resolve(sources, &module, &[full, more].concat(), depth + 1).or(Some((module, name.clone())));
        }
        break;
    }
    Some((at.join("::"), rest.first().cloned().unwrap_or_default()))
}
