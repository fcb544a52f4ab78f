//! Settings files: right ones are taken, wrong ones refused whole, with a text that says what to change.

use orlop::{Settings, SettingsFile};
use std::{num::NonZeroU32, time::Duration};

#[track_caller]
fn refused(text: &str) -> String {
    match SettingsFile::parse(text) {
        Ok(file) => panic!("taken: {file:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_bad_value_is_named_with_its_path_and_what_is_allowed() {
    let cases: &[(&str, &[&str])] = &[
        (
            "[clients.playback.retry]\ntimeout = \"600\"",
            &["line 2", "clients.playback.retry.timeout", "\"600\"", "unit such as \"250ms\""],
        ),
        (
            "[clients.playback.circuit]\nprobes = 0",
            &["line 1", "clients.playback.circuit", "probes", "within 1..=65535", "got 0"],
        ),
        (
            "[clients.playback.circuit]\ntrip = [{ failure_rate = 1.5, last = 9 }]",
            &["clients.playback.circuit", "trip[0].failure_rate", "within 0..=1", "got 1.5"],
        ),
        (
            "[clients.playback.retry.budget]\nshare = -1.0",
            &["clients.playback.retry.budget.share", "within 0..=1000", "got -1"],
        ),
        (
            "[clients.playback.balance]\ndecay = \"2h\"",
            &["clients.playback.balance.decay", "within 1ms..=1h", "7200s"],
        ),
        (
            "[clients.playback]\nlimit = 0",
            &["clients.playback.limit", "within 1..=4294967295, or \"none\"", "got 0"],
        ),
        ("[clients.playback]\nlimit = \"many\"", &["clients.playback.limit", "got \"many\""]),
        ("[clients.playback]\nlimit = true", &["clients.playback.limit", "1..=4294967295"]),
        ("[clients.playback]\nreplay_bytes = -1", &["clients.playback.replay_bytes", "-1"]),
        (
            "[clients.playback]\nbody = { idle = \"0s\" }",
            &["clients.playback.body", "idle must be within 1ms..=1d", "0ns"],
        ),
        ("[clients.playback]\nretry = 3", &["clients.playback.retry", "3"]),
        ("[clients.playback", &["line 1"]),
    ];
    for (text, parts) in cases {
        let error = refused(text);
        for part in *parts {
            assert!(error.contains(part), "{part:?} is missing in {error:?}");
        }
        assert_eq!(error.lines().count(), 1, "one line: {error:?}");
    }
}

#[test]
fn an_unknown_field_is_refused_wherever_it_stands() {
    for (text, field) in [
        ("[client.playback]", "client"),
        ("[clients.playback]\nlimits = 3", "limits"),
        ("[clients.playback.retry]\nattempts = 3", "attempts"),
        ("[clients.playback.retry.budget]\npercent = 20", "percent"),
        ("[clients.playback.circuit]\nreset = \"1s\"", "reset"),
        ("[clients.playback.body]\nbetween = \"1s\"", "between"),
        ("[clients.playback.balance]\nalgorithm = \"p2c\"", "algorithm"),
    ] {
        let error = refused(text);
        assert!(error.contains(&format!("`{field}`")), "{field} is not named in {error:?}");
        assert!(error.contains("expected"), "says what there is instead: {error:?}");
    }
}

#[test]
fn a_file_with_one_mistake_is_refused_whole_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clients.toml");
    let good = "[clients.search]\nlimit = 3\n";
    std::fs::write(&path, good).unwrap();
    let before = SettingsFile::open(&path).unwrap();

    std::fs::write(&path, format!("{good}[clients.playback.retry]\nmax_attempts = 0\n")).unwrap();
    let error = SettingsFile::open(&path).unwrap_err().to_string();
    assert!(error.starts_with(&path.display().to_string()), "{error}");
    assert!(error.contains("clients.playback.retry.max_attempts"), "{error}");
    assert_eq!(before.client("search").unwrap().limit, NonZeroU32::new(3), "what was read stays");

    let missing = SettingsFile::open(dir.path().join("no.toml")).unwrap_err();
    assert!(missing.to_string().ends_with("no.toml: cannot be read"), "{missing}");
    assert!(std::error::Error::source(&missing).is_some());
}

#[test]
fn a_misspelt_client_does_not_mean_defaults() {
    let file = SettingsFile::parse("[clients.playback]\n[clients.search]").unwrap();
    assert_eq!(file.client("playback").unwrap(), Settings::default());
    let error = file.client("playbak").unwrap_err().to_string();
    assert_eq!(error, "no settings for client \"playbak\": the file has playback, search");
    let error = SettingsFile::parse("").unwrap().client("playback").unwrap_err().to_string();
    assert!(error.ends_with("the file has none at all"), "{error}");
}

#[test]
fn the_file_in_the_documentation_is_taken() {
    let source = include_str!("../../src/client/settings.rs");
    let example: String = source
        .lines()
        .skip_while(|line| *line != "/// ```toml")
        .skip(1)
        .take_while(|line| *line != "/// ```")
        .map(|line| format!("{}\n", line.trim_start_matches("///")))
        .collect();
    let playback = SettingsFile::parse(&example).unwrap().client("playback").unwrap();
    assert_eq!(playback.limit, NonZeroU32::new(128));
    assert_eq!(playback.retry.timeout, Some(Duration::from_millis(600)));
    assert_eq!(playback.retry.attempt_timeout, Some(Duration::from_millis(200)));
    assert_eq!(playback.retry.idempotent, Some(true));
}

#[test]
fn what_is_written_is_read_again() {
    let mut unlimited = Settings::default();
    unlimited.limit = None;
    unlimited.retry.timeout = Some(Duration::from_millis(1500));
    for settings in [Settings::default(), unlimited] {
        let text = toml::to_string(&settings).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings, "{text}");
    }
}
