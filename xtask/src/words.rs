//! Words that must not land: unfinished code, and traces of the machine something was written on.

use std::path::Path;

use crate::files;
use crate::report::Outcome;
use crate::test::Options;
use crate::workspace::Workspace;

pub(crate) fn step(workspace: &Workspace, _: &Options) -> Outcome {
    let Some(texts) = files::texts(workspace) else {
        return Outcome::NotRun(files::NO_LIST.to_owned());
    };
    let rules = rules();
    let mut findings = 0;
    for (name, text) in &texts {
        for (line, what) in scan(&rules, name, text) {
            println!("{name}:{line}: {what}");
            findings += 1;
        }
    }
    if findings > 0 {
        return Outcome::Failed(format!("{findings} findings"));
    }
    println!("{} files read", texts.len());
    Outcome::Passed
}

/// What to look for. The needles are put together here, so that this file does not contain them.
struct Rule {
    needle: String,
    what: &'static str,
    matches: fn(before: &str, after: &str) -> bool,
    /// Lock files name the registry in every entry, and nobody writes them by hand.
    in_locks: bool,
}

fn rules() -> Vec<Rule> {
    let rule = |needle: String, what, matches, in_locks| Rule { needle, what, matches, in_locks };
    let mut rules = Vec::new();
    for name in ["todo", "unimplemented"] {
        let what = "code that is not written yet";
        rules.push(rule(format!("{name}!"), what, anywhere, true));
    }
    for halves in [["TO", "DO"], ["FIX", "ME"]] {
        let what = "a note to oneself: do it, or state the limitation in the docs";
        rules.push(rule(halves.concat(), what, whole_word, true));
    }
    for (name, end) in [
        ("crates", "io"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("proxy.golang", "org"),
        ("deb.debian", "org"),
        ("repo.maven", "apache"),
    ] {
        let what = "a package registry's host: name the package and its ordinary client instead";
        rules.push(rule(format!("{name}.{end}"), what, anywhere, false));
    }
    for dir in ["root", "work", "workspace"] {
        let what = "a path of somebody's machine";
        rules.push(rule(format!("/{dir}/"), what, path_start, true));
    }
    for dir in ["home", "Users"] {
        let what = "a path of somebody's home";
        rules.push(rule(format!("/{dir}/"), what, home_start, true));
    }
    rules
}

fn scan(rules: &[Rule], file: &str, text: &str) -> Vec<(usize, &'static str)> {
    let is_lock = Path::new(file).extension().is_some_and(|extension| extension == "lock");
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for rule in rules.iter().filter(|rule| rule.in_locks || !is_lock) {
            let mut hits = line.match_indices(&rule.needle);
            if hits.any(|(at, hit)| (rule.matches)(&line[..at], &line[at + hit.len()..])) {
                found.push((number + 1, rule.what));
            }
        }
    }
    found
}

fn anywhere(_: &str, _: &str) -> bool {
    true
}

fn whole_word(before: &str, after: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    !before.ends_with(part_of_word) && !after.starts_with(part_of_word)
}

/// Absolute, not a part of a longer path such as `srv/root/`.
fn path_start(before: &str, _: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || "._-*/}>".contains(c))
}

/// `/home/<name>/`: the platform has a route `/home`, so one component alone says nothing.
fn home_start(before: &str, after: &str) -> bool {
    let name = after.split('/').next().unwrap_or_default();
    path_start(before, after)
        && name.len() < after.len()
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(file: &str, text: &str) -> usize {
        scan(&rules(), file, text).len()
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        for halves in [
            ["let x = todo", "!();"],
            ["unimplemented", "!(\"later\")"],
            ["// TO", "DO: later"],
            ["// FIX", "ME"],
            ["https://static.crates", ".io/x"],
            ["index = \"https://registry.npmjs", ".org\""],
            ["open(\"/roo", "t/.config\")"],
            ["cd /wor", "k/main"],
            ["see /hom", "e/somebody/notes"],
            ["see /User", "s/somebody/notes"],
        ] {
            let line = halves.concat();
            assert_eq!(hits("a.rs", &line), 1, "{line}");
        }
    }

    #[test]
    fn ordinary_text_passes() {
        for line in [
            "GET /home and /home/42/rows and /home/{member}/rows",
            "srv/root/shop and https://example.com/root/x",
            "todo = \"warn\"",
            "AUTODOC",
        ] {
            assert_eq!(hits("a.rs", line), 0, "{line}");
        }
    }

    #[test]
    fn lock_files_may_name_the_registry() {
        let line = ["registry+https://host/crates", ".io-index"].concat();
        assert_eq!(hits("Cargo.lock", &line), 0);
        assert_eq!(hits("notes.md", &line), 1);
    }

    #[test]
    fn the_line_is_told() {
        let text = ["one\ntwo\n// FIX", "ME\n"].concat();
        let found = scan(&rules(), "a.rs", &text);
        assert_eq!(found.first().map(|f| f.0), Some(3));
    }
}
