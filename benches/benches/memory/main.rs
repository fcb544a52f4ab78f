//! What a circuit for each key takes, by a counting allocator, and whether a pool of them stays within its cap.
//!
//! Bytes are those asked of the allocator, with the tables that find the circuits; what the allocator rounds up is not in.

use allocation_counter::measure;
use orlop_breaker::{Circuit, Circuits, Settings, State};
use orlop_core::Verdict;
use std::num::NonZeroUsize;

const KEYS: u64 = 10_000;
const CAP: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
/// The project's promise.
const KIB: u64 = 1024;

/// Two for each of the keys that are held: they are spread over shards by chance, and a full shard would evict.
const ROOM: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();
const MANY: u64 = 1_000_000;

fn main() {
    println!("| {KEYS} circuits by key, default settings | bytes per key |");
    println!("|----------------------------------------|--------------:|");
    per_key("never called", |_| ());
    per_key("one call succeeded", |circuit| settle(circuit, Verdict::SUCCESS));
    per_key("one call failed, one succeeded", |circuit| {
        settle(circuit, Verdict::FAILURE);
        settle(circuit, Verdict::SUCCESS);
    });
    per_key("open", open);
    println!(
        "\n| {MANY} keys through a cap of {CAP}    | most held | overflowed | most bytes | by the cap |"
    );
    println!(
        "|----------------------------------------|----------:|-----------:|-----------:|-----------:|"
    );
    passing("all calls succeed", |circuit| settle(circuit, Verdict::SUCCESS));
    passing("every circuit opens, and is pinned", open);
    println!("\nBytes as asked of the allocator, with the tables that find the circuits.");
}

/// Prints what each of so many keys takes once `call` was made on it.
fn per_key(what: &str, call: fn(&Circuit)) {
    let mut kept = None;
    let taken = measure(|| {
        let circuits = Circuits::<u64>::new(Settings::default()).capacity(ROOM);
        for key in 0..KEYS {
            call(&circuits.get(&key));
        }
        kept = Some(circuits);
    });
    let held = kept.as_ref().map_or(0, Circuits::len);
    assert_eq!(held as u64, KEYS, "{what}: circuits held");
    let each = taken.bytes_current.unsigned_abs() / KEYS;
    println!("| {what:<38} | {each:>13} |");
    assert!(each > 0 && each < KIB, "{what}: {each} bytes per key");
}

/// Prints what a pool takes at most while many keys pass through it.
fn passing(what: &str, call: fn(&Circuit)) {
    let (mut kept, mut most) = (None, 0);
    let taken = measure(|| {
        let circuits = Circuits::<u64>::new(Settings::default()).capacity(CAP);
        for key in 0..MANY {
            call(&circuits.get(&key));
            if key % 100 == 0 {
                most = most.max(circuits.len());
            }
        }
        kept = Some(circuits);
    });
    let snapshot = kept.expect("it was kept").snapshot();
    let made = snapshot.circuits.len() as u64 + snapshot.evicted;
    assert_eq!(made + snapshot.overflowed, MANY, "{what}: every key was new");
    assert!(most > 0 && most <= CAP.get(), "{what}: {most} circuits");
    let (bytes, each) = (taken.bytes_max, taken.bytes_max / CAP.get() as u64);
    println!("| {what:<38} | {most:>9} | {:>10} | {bytes:>10} | {each:>10} |", snapshot.overflowed);
    // A table that grows is there twice for a moment.
    assert!(each < KIB + KIB / 4, "{what}: {each} bytes for each circuit of the cap");
}

fn settle(circuit: &Circuit, verdict: Verdict) {
    // The overflow circuit opens too, and then lets nobody in.
    if let Ok(permit) = circuit.try_enter() {
        permit.settle(verdict);
    }
}

fn open(circuit: &Circuit) {
    for _ in 0..5 {
        settle(circuit, Verdict::FAILURE);
    }
    assert_eq!(circuit.state(), State::Open);
}
