//! The project's own files, as git sees them.

use std::fs;

use crate::command::Cmd;
use crate::workspace::Workspace;

/// Name and text of each file that is tracked or would be with the next `git add`; `None` outside a checkout. Binary
/// files, and files deleted since, do not read as text and are left out.
pub(crate) fn texts(workspace: &Workspace) -> Option<Vec<(String, String)>> {
    let listed = Cmd::new(workspace, "git")
        .words("ls-files -z --cached --others --exclude-standard")
        .quiet()?;
    let listed = String::from_utf8_lossy(&listed);
    let names = listed.split('\0').filter(|name| !name.is_empty());
    let texts = names.filter_map(|name| {
        let text = fs::read_to_string(workspace.root.join(name)).ok()?;
        Some((name.to_owned(), text))
    });
    Some(texts.collect())
}

/// What a step says that needed this list and did not get it.
pub(crate) const NO_LIST: &str = "not a git checkout, so which files are the project's is unknown";
