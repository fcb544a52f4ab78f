//! Relative links in Markdown files lead to something that is there.

use std::path::Path;

use crate::files;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

pub(crate) fn step(workspace: &Workspace, _: &Options) -> Outcome {
    let Some(texts) = files::texts(workspace) else {
        return Outcome::NotRun(files::NO_LIST.to_owned());
    };
    let (mut links, mut broken) = (0, 0);
    for (name, text) in texts.iter().filter(|(name, _)| name.ends_with(".md")) {
        let file = workspace.root.join(name);
        let dir = file.parent().unwrap_or(&workspace.root);
        for (line, target) in relative_links(text) {
            links += 1;
            if !dir.join(Path::new(target)).exists() {
                println!("{name}:{line}: {target} is not there");
                broken += 1;
            }
        }
    }
    if broken > 0 {
        return Outcome::Failed(format!("{broken} broken links"));
    }
    println!("{links} links lead somewhere");
    Outcome::Passed
}

/// Line and path of each `[text](path)` outside of fenced code, without its `#fragment`.
fn relative_links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    let prose = text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    prose.flat_map(|(index, line)| {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let paths = targets.filter_map(|target| target.split('#').next());
        paths.filter(|path| is_relative(path)).map(move |path| (index + 1, path))
    })
}

fn is_relative(path: &str) -> bool {
    // Anything with a scheme, and Rust paths in docs that double as README.
    !path.is_empty() && !path.contains(':') && !path.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, &str)> {
        relative_links(text).collect()
    }

    #[test]
    fn only_paths_outside_of_code_count() {
        let text = "[a](b/c.md#part) and [d](e/)\n```text\n[no](x)\n```\n[web](https://h/x) [t](T::new) [f](#f)\n[g](h)";
        assert_eq!(found(text), [(1, "b/c.md"), (1, "e/"), (6, "h")]);
    }
}
