//! Objects out of columns with dots in their names.

use std::collections::HashMap;

use crate::json::{self};

/// Columns with dots become objects again.
#[derive(Default)]
pub(super) struct Tree(Vec<(String, Node)>, HashMap<String, usize>);

enum Node {
    Leaf(String),
    Branch(Tree),
}

impl Tree {
    pub(super) fn put(&mut self, steps: &[String], value: String) {
        let [first, rest @ ..] = steps else { return };
        let place = self.1.get(first).copied();
        match (rest.is_empty(), place.map(|i| &mut self.0[i].1)) {
            (true, None) => self.push(first.clone(), Node::Leaf(value)),
            (false, Some(Node::Branch(branch))) => branch.put(rest, value),
            (false, None) => {
                let mut branch = Tree::default();
                branch.put(rest, value);
                self.push(first.clone(), Node::Branch(branch));
            }
            // A value and an object under one name: the fields of the object keep their dots as plain names.
            (false, Some(Node::Leaf(_))) => self.0.push((steps.join("."), Node::Leaf(value))),
            (true, Some(node)) => {
                let before = std::mem::replace(node, Node::Leaf(value));
                if let Node::Branch(branch) = before {
                    branch.flatten(first, &mut self.0);
                }
            }
        }
    }

    fn push(&mut self, name: String, node: Node) {
        self.1.insert(name.clone(), self.0.len());
        self.0.push((name, node));
    }

    fn flatten(self, prefix: &str, into: &mut Vec<(String, Node)>) {
        for (name, node) in self.0 {
            let name = format!("{prefix}.{name}");
            match node {
                Node::Branch(branch) => branch.flatten(&name, into),
                leaf => into.push((name, leaf)),
            }
        }
    }

    pub(super) fn write(&self) -> String {
        let members: Vec<_> = self
            .0
            .iter()
            .map(|(name, node)| match node {
                Node::Leaf(value) => format!("{}:{value}", json::string(name)),
                Node::Branch(branch) => format!("{}:{}", json::string(name), branch.write()),
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }
}
