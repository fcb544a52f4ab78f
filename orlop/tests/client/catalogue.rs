//! What the catalogue shows, and its Prometheus text, read back by the rules of the format.

use crate::support::{get, mocks, settings};
use orlop::{
    Catalogue, Client,
    breaker::{Circuit, Settings, State},
    discovery,
};
use orlop_testkit::{Behaviour, MockPool};
use std::{collections::BTreeMap, time::Duration};

/// The name of a family, its type, and its samples by labels.
type Families = BTreeMap<String, (String, BTreeMap<BTreeMap<String, String>, f64>)>;

/// Reads the text format, version 0.0.4, and refuses what it does not allow.
fn read(text: &str) -> Families {
    let mut families = Families::new();
    let (mut helped, mut current) = (None, None::<String>);
    assert!(text.ends_with('\n'), "the last line must end, too");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a text");
            assert!(!help.is_empty());
            helped = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(helped.as_deref(), Some(name), "help comes first");
            assert!(["counter", "gauge"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            let new =
                families.insert(name.to_owned(), (kind.to_owned(), BTreeMap::new())).is_none();
            assert!(new, "{name} comes twice");
            current = Some(name.to_owned());
        } else {
            let (name, labels, value) = sample(line);
            assert_eq!(current.as_deref(), Some(name), "not in its family: {line}");
            let (_, samples) = families.get_mut(name).expect("declared");
            assert!(samples.insert(labels, value).is_none(), "twice: {line}");
        }
    }
    families
}

fn sample(line: &str) -> (&str, BTreeMap<String, String>, f64) {
    let (name, mut rest) = line.split_once('{').expect("labels");
    let word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    assert!(word(name), "{name}");
    let mut labels = BTreeMap::new();
    loop {
        let (label, after) = rest.split_once("=\"").expect("a value in quotes");
        assert!(word(label), "{label}");
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, c @ ('\\' | '"'))) => c,
                    other => panic!("no escape: {other:?}"),
                }),
                (_, c) => value.push(c),
            }
        };
        labels.insert(label.to_owned(), value);
        match after[end + 1..].split_at(1) {
            (",", more) => rest = more,
            ("}", value) => return (name, labels, value.trim().parse().expect("a number")),
            (other, _) => panic!("unexpected {other:?} in {line}"),
        }
    }
}

fn labels<const N: usize>(labels: [(&str, &str); N]) -> BTreeMap<String, String> {
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn client(catalogue: &Catalogue, name: &str, pool: &MockPool) -> Client {
    // Too short to wait for a circuit to let a probe pass.
    let mut settings = settings(Some(10), None);
    settings.retry.idempotent = Some(false);
    orlop::client(name)
        .settings(settings)
        .discover(discovery::fixed(pool.endpoints()))
        .connect(mocks(pool))
        .catalogue(catalogue)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_text_says_what_happened() {
    let catalogue = Catalogue::new();
    let pool = MockPool::new([""; 0]);
    pool.add("p-1", Some("a"));
    let playback = client(&catalogue, "playback", &pool);
    pool.set("p-1", Behaviour::Fails(Duration::ZERO));
    for _ in 0..5 {
        playback.send(get("/")).await.unwrap_err();
    }
    playback.send(get("/")).await.unwrap_err();
    let ratings = Circuit::new(Settings::default());
    ratings.force_open();
    catalogue.add_circuit("ratings", &ratings);

    let text = catalogue.prometheus();
    let families = read(&text);
    let value = |family: &str, wanted: BTreeMap<String, String>| {
        let (_, samples) = &families[family];
        *samples.get(&wanted).unwrap_or_else(|| panic!("no {wanted:?} of {family} in\n{text}"))
    };
    let of = |reason| labels([("client", "playback"), ("reason", reason)]);
    let at = [("client", "playback"), ("endpoint", "p-1"), ("zone", "a")];
    assert_eq!(value("orlop_client_calls_total", labels([("client", "playback")])), 6.0);
    assert_eq!(value("orlop_client_retries_total", of("paid")), 0.0);
    assert_eq!(value("orlop_client_retries_total", of("unsent")), 0.0);
    assert_eq!(value("orlop_client_retries_total", of("withheld")), 0.0);
    assert_eq!(value("orlop_endpoint_in_flight", labels(at)), 0.0);
    assert_eq!(value("orlop_endpoint_refused_total", labels(at)), 1.0, "the last call's");
    for state in State::ALL {
        let [client, endpoint, zone] = at;
        let wanted = labels([client, endpoint, zone, ("state", state.as_str())]);
        let is = f64::from(u8::from(state == State::Open));
        assert_eq!(value("orlop_endpoint_circuit_state", wanted), is, "{state:?}");
        let wanted = labels([("circuit", "ratings"), ("state", state.as_str())]);
        let is = f64::from(u8::from(state == State::ForcedOpen));
        assert_eq!(value("orlop_circuit_state", wanted), is, "{state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_name_is_escaped_so_that_it_reads_back() {
    let hostile = "we\"ird\\na\\me\n} 1\n# TYPE x counter";
    let catalogue = Catalogue::new();
    let pool = MockPool::new([hostile]);
    let client = client(&catalogue, hostile, &pool);
    client.send(get("/")).await.unwrap();
    catalogue.add_circuit(hostile, &Circuit::default());
    let families = read(&catalogue.prometheus());
    let (_, calls) = &families["orlop_client_calls_total"];
    assert_eq!(*calls, BTreeMap::from([(labels([("client", hostile)]), 1.0)]));
    let (_, in_flight) = &families["orlop_endpoint_in_flight"];
    assert!(in_flight.keys().all(|labels| labels["endpoint"] == hostile), "{in_flight:?}");
    let (_, circuits) = &families["orlop_circuit_state"];
    assert_eq!(circuits.len(), State::ALL.len());
    assert!(circuits.keys().all(|labels| labels["circuit"] == hostile));
}

#[tokio::test(start_paused = true)]
async fn an_empty_catalogue_declares_all_its_families() {
    let families = read(&Catalogue::new().prometheus());
    assert_eq!(families.len(), 8);
    assert!(families.values().all(|(_, samples)| samples.is_empty()));
    // Those that the documentation lists.
    let source = include_str!("../../src/catalogue.rs");
    for name in families.keys() {
        assert!(source.contains(&format!("    /// | `{name}` |")), "{name} is not documented");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_shows_at_most_64_endpoints_and_a_snapshot_all() {
    let catalogue = Catalogue::new();
    let pool = MockPool::new((0..100).map(|n| format!("e-{n:03}")));
    let client = client(&catalogue, "playback", &pool);
    client.send(get("/")).await.unwrap();
    let families = read(&catalogue.prometheus());
    assert_eq!(families["orlop_endpoint_in_flight"].1.len(), 64);
    let [shown] = &catalogue.clients()[..] else { panic!("one client") };
    assert_eq!(shown.endpoints.len(), 100);
    assert_eq!((&*shown.name, shown.retries.calls), ("playback", 1));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_comes_again_takes_the_place_of_the_first() {
    let catalogue = Catalogue::new();
    let (old, new) = (MockPool::new(["old"]), MockPool::new(["new"]));
    client(&catalogue, "playback", &old).send(get("/")).await.unwrap();
    client(&catalogue.clone(), "playback", &new).send(get("/")).await.unwrap();
    let [shown] = &catalogue.clients()[..] else { panic!("one client") };
    assert_eq!(shown.endpoints[0].id.as_str(), "new");
}
