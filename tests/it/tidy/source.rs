//! The crate's source as modules that name each other, without what only tests see.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// One file of the crate.
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// All of it, tests included.
    pub text: String,
    /// Its place in the tree of modules: `["wire", "resp"]`; nothing for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    /// Every path that its production part names and that begins in the crate, from the crate's root.
    pub named: BTreeSet<Vec<String>>,
}

/// All files below `src`, in order.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let (inner, files): (Vec<_>, Vec<_>) = entries(&folder).into_iter().partition(|path| path.is_dir());
        folders.extend(inner);
        let code = files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
        found.extend(code.map(|path| source(&root, path)));
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

#[expect(clippy::disallowed_methods, reason = "the files are sorted afterwards")]
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a source folder can be read").flatten().map(|entry| entry.path()).collect()
}

fn source(root: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).expect("a source file can be read");
    let module = module_of(path.strip_prefix(root).expect("a file of src"));
    let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names = Names { module: module.clone(), named: BTreeSet::new() };
    names.visit_file(&file);
    Source { path, text, module, named: names.named }
}

fn module_of(inside: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The paths of a file that begin in the crate.
struct Names {
    /// The module that is read, files and inner modules alike.
    module: Vec<String>,
    named: BTreeSet<Vec<String>>,
}

impl Names {
    /// Keeps a path if it begins with `crate`, `super` or `self`, or if `use` begins it with a module beside it.
    fn note(&mut self, path: &[String]) {
        let mut from = self.module.clone();
        let rest = match path.first().map(String::as_str) {
            Some("crate") => {
                from.clear();
                &path[1..]
            }
            Some("self") => &path[1..],
            Some("super") => {
                let up = path.iter().take_while(|part| *part == "super").count();
                from.truncate(from.len().saturating_sub(up));
                &path[up..]
            }
            _ => path,
        };
        from.extend(rest.iter().cloned());
        self.named.insert(from);
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.note(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|inner| self.tree(inner, before)),
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_of_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_of_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.tree(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if parts.len() > 1 {
            self.note(&parts);
        }
        visit::visit_path(self, path);
    }

    /// What stands in a macro's call is no syntax yet: its tokens are searched for paths.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let text = call.tokens.to_string().replace(" :: ", "::");
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for path in text.split(|c| !is_part(c)).filter(|path| path.contains("::")) {
            let parts: Vec<String> = path.split("::").map(str::to_owned).collect();
            self.note(&parts);
        }
        visit::visit_macro(self, call);
    }
}

fn is_of_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = |meta: &syn::MetaList| meta.tokens.to_string() == "test";
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(is_test)
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        _ => &[],
    }
}
