//! The parts written outside work with the middleware written inside.

use orlop_core::{BoxError, Endpoint, GuardLayer, Kind, Rejected, Update};
use orlop_lb::Balance;
use outside::{Graded, Grades, OpenHours, PhoneBook};
use std::{convert::Infallible, time::Duration};
use tower::{Layer, ServiceExt, service_fn};

fn grade(name: &str) -> u8 {
    if name.starts_with("bad") { 6 } else { 1 }
}

#[tokio::test(start_paused = true)]
async fn a_gate_and_a_classifier_of_ones_own() {
    let hours = OpenHours::new(Duration::from_secs(24), Duration::from_secs(8));
    let service = service_fn(async |name: &'static str| {
        Ok::<_, Infallible>(Graded { grade: grade(name), by: name.to_owned() })
    });
    let guarded = GuardLayer::new(hours.clone(), Grades).layer(service);
    guarded.clone().oneshot("good").await.unwrap();
    guarded.clone().oneshot("bad").await.unwrap();
    assert_eq!(hours.good(), 1, "the classifier decides what is good");

    tokio::time::advance(Duration::from_secs(9)).await;
    let error = guarded.clone().oneshot("late").await.unwrap_err();
    let rejected = Rejected::find(&*error).expect("refused by our gate");
    assert_eq!(rejected.kind(), Kind::RateLimit);
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(15)));
    tokio::time::advance(Duration::from_secs(15)).await;
    guarded.oneshot("next day").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_of_endpoints_of_ones_own() {
    let endpoint = |name: &str| Endpoint::new(name, ([127, 0, 0, 1], 1));
    let (book, updates) = PhoneBook::new(vec![endpoint("one")]);
    let hours = OpenHours::new(Duration::from_secs(24), Duration::from_secs(24));
    let gate = hours.clone();
    let connect = |endpoint: &Endpoint| {
        let by = endpoint.id().to_string();
        Ok::<_, BoxError>(service_fn(move |name: &'static str| {
            let by = by.clone();
            async move { Ok::<_, Infallible>(Graded { grade: grade(name), by }) }
        }))
    };
    let balance =
        Balance::builder(updates, connect, Grades).gate(move |_: &Endpoint| gate.clone()).build();

    assert_eq!(balance.clone().oneshot("good").await.unwrap().by, "one");
    assert_eq!(balance.clone().oneshot("bad").await.unwrap().grade, 6);
    assert_eq!(hours.good(), 1, "the endpoint's gate is ours, and so is what it counts");

    book.tell(Update::Upsert(endpoint("two")));
    book.tell(Update::Remove(endpoint("one").id().clone()));
    tokio::task::yield_now().await;
    assert_eq!(balance.clone().oneshot("good").await.unwrap().by, "two");
}
