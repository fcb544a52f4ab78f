//! The flaws of other circuit breakers, shown by running, and that ours has none of them.
//!
//! There is no code here, and nothing of this is published: it is a package of its own so that the peers are dependencies
//! of nothing but its tests. `tests/flaws` has one script for each flaw, which is run against the peer, asserting what it
//! does wrong, and against ours, asserting what is right. When a peer is mended, its test fails, and the claim goes.
//!
//! `tests/outside/nine` is a crate with a workspace of its own, for ninelives: it wants `tokio = "~1.48"`, ours a newer
//! one, and cargo takes one tokio 1 only, so no program has both. There the peer is run alone.
//!
//! The README has the table: flaw, peer and version, what it did here, what ours does, the test.
