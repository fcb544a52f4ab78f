//! One small program per use of orlop, each run by the tests. See `examples/`.
//!
//! | program | shows |
//! |---|---|
//! | `axum_server` | a router whose overload answers 503, and stays `Infallible` |
//! | `hyper_client` | a whole client from a name: discovery, balance, circuits, retry |
//! | `reqwest_client` | the same over a reqwest client that you set up |
//! | `reqwest_middleware` | a circuit for each host, as a middleware of a reqwest client |
//! | `tonic_grpc` | a gRPC server that refuses with UNAVAILABLE, a gRPC client behind a circuit |
//! | `plain_function` | a circuit and a limit around an async function, without tower |
//! | `migrating` | the defaults of other circuit breakers in settings of ours, and when they open |
//! | `opentelemetry` | calls as spans, clients as metrics, with exporters in memory |
//! | `before_and_after_layers` | a stack of tower's layers, and the same with orlop's |
//! | `before_and_after_balance_list` | tonic's `balance_list`, and a client in its place |
//! | `one_layer` | one crate, one layer, no facade |
//! | `balance` | a balancer over any service, with a circuit for each endpoint |
//! | `retries` | one budget for all calls; what is tried again, and what is not |
//! | `home_page` | a chain of fallbacks that says what it answered with |
//! | `discovery` | a registry, an instance that registers, a client that watches |
//! | `gateway` | filters in front of a service, one of them its own |
//! | `replicated_cache` | a copy in each zone, one zone dead |
//! | `fault_test` | faults on virtual time, for tests of one's own |
