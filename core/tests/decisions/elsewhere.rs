//! Rules that are shown by a test of another crate, or of another file of this one.
//!
//! The list is kept true by `every_rule_is_shown_by_a_test_that_is_there`: who renames or removes such a test says here what
//! shows the rule now.

use std::{collections::HashMap, fs, path::Path};

/// Decision, rule, folder of the crate, test.
const SHOWN_BY: &[(&str, &str, &str, &str)] = &[
    // Verdict
    (
        "verdict",
        "throttled counts in ratios",
        "breaker",
        "throttled_calls_count_as_failures_in_a_rate",
    ),
    (
        "verdict",
        "throttled does not count in consecutive runs",
        "breaker",
        "throttled_and_neutral_calls_neither_add_to_a_run_nor_end_it",
    ),
    (
        "verdict",
        "throttled may set the minimum open time",
        "breaker",
        "retry_after_lengthens_the_open_time_within_its_clamp",
    ),
    ("verdict", "rescue reads the verdict", "fallback", "the_verdict_decides_about_answers"),
    // When a call is over
    (
        "over",
        "a drop at the deadline trips a frozen endpoint",
        "orlop",
        "a_frozen_server_costs_one_attempt_deadline_and_trips_its_circuit",
    ),
    (
        "over",
        "an attempt deadline covers connecting",
        "orlop",
        "the_attempt_deadline_covers_connecting",
    ),
    ("over", "a circuit decides at the head", "breaker", "a_probe_decides_at_its_head"),
    (
        "over",
        "a limit keeps its slot to the end",
        "bulkhead",
        "a_queued_call_waits_for_the_end_of_the_body_before_it",
    ),
    (
        "over",
        "idle time and total of the body are settings",
        "orlop",
        "a_peer_that_stops_in_the_middle_of_a_body_is_given_up_and_counted",
    ),
    ("over", "slow-call time ends at the head", "breaker", "a_stream_is_slow_by_its_head_alone"),
    ("over", "an old drop is slow", "breaker", "old_drops_are_slow_calls_to_a_rule_of_slow_calls"),
    (
        "over",
        "or as the settings say",
        "breaker",
        "old_drops_are_failures_where_the_settings_say_so",
    ),
    ("over", "and otherwise neutral", "breaker", "drops_stay_out_of_windows_runs_and_means"),
    (
        "over",
        "an outer time-out trips with any settings",
        "breaker",
        "a_time_out_outside_opens_with_any_rule_and_any_setting_of_drops",
    ),
    // Rejected; safe to retry
    (
        "rejected",
        "a refusal of this attempt is safe to retry",
        "orlop",
        "an_open_circuits_refusal_of_this_attempt_is_tried_again_even_for_post",
    ),
    (
        "rejected",
        "a refused second call is not",
        "orlop",
        "a_refused_second_call_as_an_error_is_not_tried_again",
    ),
    (
        "rejected",
        "nor is one refused with a response",
        "orlop",
        "a_refused_second_call_as_a_response_is_not_tried_again",
    ),
    (
        "rejected",
        "retry asks unsent, not find",
        "retry",
        "a_refused_second_call_inside_a_service_that_acted_is_not_retried",
    ),
    // Errors
    ("errors", "axum stays infallible", "orlop", "a_guarded_router_is_a_service_that_cannot_fail"),
    (
        "errors",
        "tonic services keep their type",
        "orlop",
        "a_full_server_says_unavailable_and_a_stream_holds_its_slot_to_the_end",
    ),
    (
        "errors",
        "a final error says which attempt and endpoint",
        "orlop",
        "an_error_says_which_attempt_which_endpoint_and_why",
    ),
    ("errors", "so do the span's fields", "orlop", "a_span_says_how_the_call_ended_and_where"),
    // Readiness
    (
        "readiness",
        "the queue is always ready",
        "bulkhead",
        "the_queue_is_ready_when_the_inner_service_is_not",
    ),
    (
        "readiness",
        "retry is always ready",
        "retry",
        "the_service_is_always_ready_and_uses_what_it_polled",
    ),
    (
        "readiness",
        "a deadline is always ready and covers readiness",
        "retry",
        "it_is_always_ready_and_covers_readiness",
    ),
    ("readiness", "no readiness is hoarded", "lb", "no_readiness_is_hoarded_by_clones"),
    // Sharing
    (
        "sharing",
        "fresh opts out, of a circuit",
        "breaker",
        "fresh_circuits_share_settings_and_nothing_else",
    ),
    (
        "sharing",
        "fresh opts out, of a throttle",
        "breaker",
        "a_fresh_throttle_shares_settings_and_name_and_no_counts",
    ),
    (
        "sharing",
        "services of one layer share",
        "breaker",
        "services_of_one_layer_share_the_circuit",
    ),
    (
        "sharing",
        "axum's routes share one limit",
        "orlop",
        "several_routes_share_one_limit_and_refuse_with_a_response",
    ),
    // Attempts
    (
        "attempts",
        "the pick is recorded before the first poll",
        "lb",
        "a_pick_is_recorded_before_the_first_poll",
    ),
    (
        "attempts",
        "endpoints in the record are passed over",
        "lb",
        "a_retry_goes_to_another_endpoint",
    ),
    ("attempts", "so are zones", "lb", "a_retry_leaves_the_zone_that_failed"),
    // Endpoints
    (
        "endpoints",
        "not resolved yet is not empty",
        "lb",
        "a_call_before_the_first_update_waits_for_it",
    ),
    ("endpoints", "empty refuses at once", "lb", "an_empty_set_refuses_at_once"),
    (
        "endpoints",
        "a failed connect leaves the endpoint out",
        "lb",
        "a_failed_connect_leaves_the_endpoint_out_and_is_tried_again",
    ),
    (
        "endpoints",
        "and is shown",
        "orlop",
        "an_endpoint_that_cannot_be_connected_is_left_out_shown_and_tried_again",
    ),
    (
        "endpoints",
        "connect keeps the authority",
        "orlop",
        "the_endpoints_authority_replaces_what_the_request_came_with",
    ),
    // Tasks
    ("tasks", "the task ends with its last handle", "lb", "the_task_ends_with_the_last_handle"),
    (
        "tasks",
        "a task that is never run harms nobody",
        "lb",
        "a_task_that_is_never_run_wakes_those_who_wait_for_it",
    ),
    (
        "tasks",
        "drop does not wait",
        "discovery-client",
        "deregistering_without_a_task_does_not_wait",
    ),
    // Time, randomness, hooks
    ("time", "clocks never go back: windows", "breaker", "a_clock_that_goes_back_loses_no_calls"),
    ("time", "clocks never go back: budgets", "retry", "time_that_goes_back_changes_nothing"),
    (
        "time",
        "clocks never go back: estimates",
        "lb",
        "a_sample_from_an_older_clock_reading_does_not_turn_time_back",
    ),
    ("randomness", "passed in, seedable: picks", "lb", "the_same_seed_picks_the_same"),
    ("randomness", "passed in, seedable: throttle", "breaker", "one_seed_one_sequence"),
    ("hooks", "panics are caught", "breaker", "an_observer_that_panics_harms_nobody"),
    ("hooks", "with no lock held", "breaker", "an_observer_may_call_the_circuit"),
    (
        "hooks",
        "after the transition, in order",
        "breaker",
        "an_observer_sees_every_transition_in_order",
    ),
    // Live settings
    (
        "settings",
        "path, value and what is allowed: circuits",
        "breaker",
        "a_bad_value_is_named_with_its_path_and_what_is_allowed",
    ),
    (
        "settings",
        "path, value and what is allowed: limits",
        "bulkhead",
        "a_bad_setting_is_refused_and_says_what_is_allowed",
    ),
    (
        "settings",
        "path, value and what is allowed: retries",
        "retry",
        "a_bad_setting_is_refused_and_says_what_is_allowed",
    ),
    (
        "settings",
        "path, value and what is allowed: clients",
        "orlop",
        "a_bad_value_is_named_with_its_path_and_what_is_allowed",
    ),
    (
        "settings",
        "a bad file is refused whole",
        "orlop",
        "a_file_with_one_mistake_is_refused_whole_and_named",
    ),
    (
        "settings",
        "new settings keep the counts that are still good",
        "breaker",
        "an_update_of_anything_that_does_not_count_keeps_the_counts",
    ),
    (
        "settings",
        "and restart the others",
        "breaker",
        "an_update_of_what_counts_restarts_the_counts",
    ),
    ("settings", "they reach a running retry", "retry", "new_settings_apply_to_the_next_call"),
    ("settings", "and a line in use", "bulkhead", "new_settings_apply_to_a_line_in_use"),
    // Bounded memory
    (
        "memory",
        "a cap",
        "breaker",
        "a_million_keys_never_make_more_circuits_than_the_cap_and_an_open_one_stays",
    ),
    ("memory", "idle eviction", "breaker", "unused_circuits_go_after_the_idle_time"),
    (
        "memory",
        "under 1 KiB per circuit",
        "breaker",
        "one_of_many_circuits_with_default_settings_takes_less_than_a_kibibyte",
    ),
    (
        "memory",
        "one overflow entry, counted",
        "breaker",
        "keys_without_room_share_the_overflow_circuit_and_are_counted",
    ),
    (
        "memory",
        "buckets too",
        "gateway-filters",
        "keys_are_bounded_and_newcomers_share_what_is_left",
    ),
    // Lifecycle
    (
        "lifecycle",
        "deregistering is said first and last",
        "discovery-client",
        "deregistering_is_the_last_that_a_registry_hears",
    ),
    (
        "lifecycle",
        "a server refuses new calls and drains",
        "reference-platform",
        "drain_refuses_new_connections_and_finishes_what_has_begun",
    ),
    ("lifecycle", "then it stops", "reference-platform", "drain_does_not_wait_for_ever"),
    (
        "lifecycle",
        "a balancer without its runtime errs",
        "lb",
        "a_client_whose_runtime_is_gone_gets_an_error",
    ),
    ("lifecycle", "so does a client", "orlop", "a_client_whose_runtime_has_gone_gets_an_error"),
    (
        "lifecycle",
        "and a watch",
        "discovery-client",
        "a_task_that_is_gone_is_an_error_and_not_a_frozen_list",
    ),
    // Observability
    (
        "observability",
        "labels are configured names",
        "breaker",
        "a_named_circuit_counts_transitions_and_refusals_and_shows_its_state",
    ),
    (
        "observability",
        "keys are no labels",
        "breaker",
        "keyed_circuits_share_counters_and_show_no_state",
    ),
    (
        "observability",
        "at most 64 endpoints, a snapshot all",
        "orlop",
        "a_client_shows_at_most_64_endpoints_and_a_snapshot_all",
    ),
    // Trust
    (
        "trust",
        "the edge strips our headers",
        "gateway-filters",
        "strangers_headers_of_ours_and_of_the_connection_stay_outside",
    ),
    ("trust", "unless the sender is trusted", "gateway-filters", "a_trusted_sender_keeps_ours"),
    (
        "trust",
        "a deadline that came in is clamped",
        "reference-platform",
        "the_deadline_that_came_in_goes_on_and_is_clamped",
    ),
    (
        "trust",
        "control surfaces are not open to all",
        "reference-platform",
        "control_refuses_a_wrong_token_and_noise",
    ),
];

#[test]
fn every_rule_is_shown_by_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if !root.join("breaker/Cargo.toml").exists() {
        // The package alone, without its siblings.
        return;
    }
    let mut tests = HashMap::new();
    let missing: Vec<_> = SHOWN_BY
        .iter()
        .filter(|(_, _, folder, test)| {
            let known = tests.entry(*folder).or_insert_with(|| {
                let folder = root.join(folder);
                let mut all = Vec::new();
                tests_in(&folder.join("src"), &mut all);
                tests_in(&folder.join("tests"), &mut all);
                all
            });
            !known.iter().any(|known| known == test)
        })
        .collect();
    assert!(missing.is_empty(), "no such test; what shows the rule now? {missing:#?}");
}

/// The names of all functions that stand under a test attribute.
fn tests_in(folder: &Path, all: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            tests_in(&path, all);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
                match name {
                    Some((name, _)) if is_test => {
                        all.push(name.to_owned());
                        is_test = false;
                    }
                    _ => {
                        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test")
                    }
                }
            }
        }
    }
}
