//! How steps ended, and the summary at the end of a run.

use std::fmt::Write;

/// How one step ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Passed,
    /// Why.
    Failed(String),
    /// What was missing. Fails the run where the caller asked for everything.
    NotRun(String),
    /// It ran, but the machine did not allow a judgement. Never fails the run.
    NotJudged(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(why) => Self::Failed(why),
        }
    }
}

/// What a run has to tell at its end.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<(String, Outcome, f64)>,
    /// Steps that this run was never going to do, and why.
    left_out: Vec<(String, String)>,
}

impl Report {
    pub(crate) fn step(&mut self, name: &str, outcome: Outcome, seconds: f64) {
        self.lines.push((name.to_owned(), outcome, seconds));
    }

    pub(crate) fn left_out(&mut self, name: &str, why: &str) {
        self.left_out.push((name.to_owned(), why.to_owned()));
    }

    pub(crate) fn failed(&self) -> usize {
        self.count(|o| matches!(o, Outcome::Failed(_)))
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.lines.iter().filter(|line| is(&line.1)).count()
    }

    /// Times and outcomes, then what was not run, then the count alone on the last line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, outcome, seconds) in &self.lines {
            let outcome = match outcome {
                Outcome::Passed => "passed".to_owned(),
                Outcome::Failed(why) => format!("FAILED: {why}"),
                Outcome::NotRun(why) => format!("not run: {why}"),
                Outcome::NotJudged(why) => format!("not judged: {why}"),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{seconds:>8.1} s  {name:<18} {outcome}");
        }
        if !self.left_out.is_empty() {
            let _ = writeln!(text, "\nNot part of this run:");
        }
        for (name, why) in &self.left_out {
            let _ = writeln!(text, "  {name:<20} {why}");
        }
        let total: f64 = self.lines.iter().map(|line| line.2).sum();
        let passed = self.count(|o| *o == Outcome::Passed);
        let _ = writeln!(text, "\n{total:.0} s in all");
        let _ = writeln!(text, "{passed} passed, {} failed", self.failed());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_only_failures_fail() {
        let mut report = Report::default();
        report.step("a", Outcome::Passed, 1.0);
        report.step("b", Outcome::NotRun("no tool".into()), 0.0);
        report.step("c", Outcome::NotJudged("machine too slow".into()), 2.0);
        report.left_out("d", "belongs to --all");
        assert_eq!(report.failed(), 0);
        assert!(report.text().ends_with("\n1 passed, 0 failed\n"));
        report.step("e", Outcome::Failed("ended with 1".into()), 0.5);
        let text = report.text();
        assert!(text.ends_with("\n1 passed, 1 failed\n"), "{text}");
        for part in ["no tool", "machine too slow", "belongs to --all", "4 s in all"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }
}
