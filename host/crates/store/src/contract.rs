//! What any store must keep, told as stories.
//!
//! `contract!(make)` makes a test of each story; `make` is an async function that gives a
//! new, empty store and whatever must live as long as it does.

pub mod access;
pub mod artifacts;
pub mod blobs;
pub mod bulk;
pub mod cache;
pub mod cast;
pub mod colliding;
pub mod deadlocks;
pub mod deleting;
pub mod deploying;
pub mod events;
pub mod inputs;
pub mod kept;
pub mod limits;
pub mod listing;
pub mod living;
pub mod losing;
pub mod offering;
pub mod past;
pub mod queues;
pub mod reading;
pub mod scheduling;
pub mod starting;
pub mod stopping;
pub mod texts;
pub mod totals;
pub mod waiting;
pub mod working;

pub use cast::Cast;

/// What a function that makes a store gives: the store, and what lives as long; or None where what
/// the engine needs is not installed.
pub trait Made<S, Keep> {
    fn made(self) -> Option<(S, Keep)>;
}

impl<S, Keep> Made<S, Keep> for (S, Keep) {
    fn made(self) -> Option<(S, Keep)> {
        Some(self)
    }
}

impl<S, Keep> Made<S, Keep> for Option<(S, Keep)> {
    fn made(self) -> Option<(S, Keep)> {
        self
    }
}

/// Makes a test of each story, for the store that `$make().await` gives.
#[macro_export]
macro_rules! contract {
    ($make:path) => {
        $crate::stories! { $make,
            access::a_token_is_found_by_its_secret_until_it_is_revoked,
            access::a_name_is_free_again_when_its_token_is_revoked,
            access::the_last_use_is_known_to_the_minute,
            access::a_link_signs_in_once_and_in_time,
            access::a_session_ends_with_its_token,
            access::sessions_are_listed_and_ended_by_their_bearer,
            access::what_is_idle_or_old_is_pruned,
            access::the_log_of_actions_is_read_backwards,
            access::a_request_is_answered_once,
            access::a_key_is_of_one_request_and_one_token,
            artifacts::artifacts_of_a_key_are_its_versions,
            artifacts::an_artifact_reads_back_as_it_was_made,
            artifacts::a_later_value_takes_the_place_of_an_earlier_one,
            artifacts::artifacts_go_with_their_run,
            artifacts::whoever_follows_hears_of_an_artifact,
            deploying::the_same_component_twice_changes_nothing,
            deploying::deploying_twice_is_unchanged_and_a_change_is_an_update,
            deploying::deployments_come_all_or_none,
            deploying::a_deployment_that_is_deleted_leaves_its_runs,
            deploying::a_pool_is_created_changed_and_deleted,
            deploying::a_pool_in_use_stays,
            blobs::a_blob_goes_with_the_run_that_wrote_it,
            blobs::equal_bytes_are_kept_once,
            blobs::a_run_holds_what_its_values_refer_to,
            blobs::what_is_no_blob_is_not_held,
            blobs::an_upload_that_is_doomed_is_not_finished,
            blobs::bytes_in_the_database_go_with_their_upload,
            kept::a_variable_is_what_it_was_set_to_last,
            kept::a_secret_is_followed_by_its_next_version,
            kept::all_secrets_are_sealed_anew_or_none,
            starting::a_new_run_reads_back,
            starting::runs_come_all_or_none,
            starting::a_run_that_nobody_could_claim_is_refused,
            starting::an_idempotency_key_gives_the_earlier_run,
            starting::another_request_under_a_key_is_refused,
            starting::the_longest_ready_run_goes_first,
            starting::a_claim_begins_the_first_attempt,
            starting::a_run_is_claimed_once,
            starting::a_limit_holds_over_all_workers,
            starting::a_paused_pool_gives_nothing,
            queues::a_pool_has_a_default_queue_and_others_are_created_changed_and_deleted,
            queues::a_pool_has_so_many_queues_at_most,
            queues::a_worker_may_take_runs_of_some_queues_only,
            queues::runs_go_by_the_priority_of_their_queue_and_their_own,
            queues::every_tenth_start_is_for_the_run_that_has_waited_longest,
            queues::a_paused_queue_gives_nothing_and_a_limit_holds,
            queues::a_queue_in_use_stays_and_what_was_in_one_that_is_gone_is_in_the_default,
            starting::a_reserved_run_is_outside_its_pool,
            starting::who_is_not_registered_cannot_claim,
            limits::a_limit_is_created_changed_and_deleted,
            limits::a_run_waits_for_a_slot_in_its_place_and_is_not_ready,
            limits::a_slot_stays_with_its_run_when_its_worker_is_lost,
            limits::all_limits_are_had_or_none,
            limits::lines_of_a_limit_do_not_count_against_each_other,
            limits::a_smaller_limit_drains_and_a_larger_one_lets_more_go,
            limits::a_limit_without_slots_lets_nobody_go,
            limits::a_rate_limit_gives_its_slots_again_once_their_time_has_passed,
            limits::a_run_that_is_paused_while_it_waits_asks_anew,
            limits::a_run_may_give_way_or_make_others_go,
            limits::a_deployment_has_a_limit_of_its_own,
            limits::a_call_waits_for_a_slot_and_its_run_is_ready_once_it_has_it,
            limits::calls_that_nobody_executes_any_more_have_no_slots,
            limits::who_computes_for_the_cache_does_it_alone_for_its_key,
            cache::a_result_is_found_until_it_has_expired,
            cache::the_latest_result_of_a_key_stands,
            cache::results_are_cleared_by_what_they_are_of,
            cache::results_are_listed_without_their_values_a_part_at_a_time,
            cache::a_result_keeps_its_blobs,
            limits::calls_of_a_run_that_is_paused_have_no_slots,
            deadlocks::one_passes_who_waits_for_what_its_parent_has,
            deadlocks::a_task_passes_who_waits_for_what_its_run_has,
            deadlocks::those_who_have_what_the_other_wants_wait_until_one_is_cancelled,
            colliding::what_finds_no_slot_says_what_becomes_of_a_run,
            colliding::who_makes_others_go_does_not_harm_a_claim_of_both,
            colliding::a_claim_that_waits_tells_of_runs_that_are_turned_away,
            living::a_run_lives_from_claim_to_end,
            living::an_older_epoch_is_refused,
            living::what_the_transition_table_lacks_is_refused,
            living::what_comes_next_fits_the_last_state,
            living::entries_are_consecutive,
            living::a_child_and_the_call_that_made_it_are_one,
            living::a_taken_key_of_a_child_names_the_run_that_has_it,
            living::a_key_goes_to_another_run_only_once_its_holder_has_failed,
            living::a_retry_opens_an_attempt_at_its_time,
            living::what_earlier_attempts_took_is_added_up,
            living::what_a_stopping_worker_releases_keeps_its_attempt,
            living::a_subflow_lives_within_its_run,
            living::subflows_share_the_failure_of_their_run,
            living::a_subflow_that_was_dropped_is_cancelled,
            waiting::a_wait_for_all_ends_with_the_last,
            waiting::a_wait_for_any_ends_with_the_first,
            waiting::what_settled_before_the_wait_counts,
            waiting::an_earlier_wait_does_not_count_for_a_later_one,
            waiting::waiting_frees_the_slot,
            waiting::a_call_settles_once,
            waiting::what_has_ended_settles_a_watch_at_once,
            waiting::whoever_watches_is_told_how_a_run_ended,
            waiting::a_refused_call_watches_nothing,
            waiting::timers_settle_in_their_order_when_they_are_due,
            waiting::the_next_due_time_is_the_earliest,
            waiting::one_cannot_wait_for_what_was_never_called,
            waiting::a_task_that_awaits_its_retry_is_waited_for_without_a_slot,
            offering::a_claim_that_waits_gets_a_run_with_its_creation,
            offering::a_claim_that_waits_takes_what_is_there,
            offering::a_claim_that_waits_gets_a_parent_with_the_end_of_its_child,
            offering::whoever_waits_first_is_served_first,
            offering::a_withdrawn_offer_gets_nothing,
            offering::a_claim_that_nobody_awaits_gets_nothing,
            offering::a_claim_that_waits_looks_again_when_time_has_passed,
            offering::a_claim_that_waits_heeds_the_pool,
            offering::a_claim_that_waits_gets_its_reserved_run,
            offering::a_worker_that_was_given_up_waits_in_vain,
            offering::what_becomes_ready_while_nobody_waits_is_not_missed,
            offering::a_claim_that_waits_gets_the_slot_of_a_paused_run,
            offering::a_claim_that_waits_gets_the_slot_of_a_lost_worker,
            scheduling::a_schedule_is_what_it_was_when_it_is_read,
            scheduling::schedules_are_due_from_their_slots_on_the_earliest_first,
            scheduling::a_slot_is_decided_about_once,
            scheduling::a_schedule_is_held_until_its_last_run_is_over,
            scheduling::the_next_slots_of_deployments_are_told,
            scheduling::one_at_a_time_has_the_turn_to_make_runs_of_schedules,
            working::a_lease_is_renewed_until_the_worker_is_given_up,
            working::what_a_worker_uses_is_told_from_the_start,
            working::a_lost_worker_gives_its_runs_back,
            working::a_worker_whose_lease_ended_is_lost,
            working::a_reservation_ends_with_its_worker,
            working::a_waiting_run_survives_its_worker,
            working::a_cancelling_run_of_a_lost_worker_is_cleaned_up_by_another,
            stopping::a_run_that_has_not_begun_is_cancelled_at_once,
            stopping::cancelling_what_is_over_reaches_what_it_had_started,
            stopping::cancelling_goes_down_the_family,
            stopping::a_cancelled_run_ends_as_such_whatever_it_returns,
            stopping::a_waiting_run_is_claimed_to_clean_up,
            stopping::a_run_cancelled_before_it_said_so_has_begun,
            stopping::a_child_on_its_way_is_cancelled_with_its_run,
            stopping::what_a_cancelled_run_starts_to_clean_up_lives,
            stopping::a_run_that_is_no_child_is_not_cancelled,
            stopping::a_run_paused_before_it_said_so_has_begun,
            stopping::a_subflow_cannot_be_cancelled_alone,
            stopping::a_paused_run_stops_and_goes_on_where_it_was,
            stopping::a_run_that_ends_while_it_is_paused_is_over,
            stopping::a_new_attempt_keeps_what_was_finished,
            stopping::a_run_that_two_calls_have_started_is_kept_once,
            stopping::only_what_is_over_is_tried_again,
            stopping::a_wait_ends_at_its_time_at_the_latest,
            losing::a_run_that_is_lost_in_company_is_never_ended,
            losing::a_run_that_is_lost_alone_without_progress_crashes,
            losing::a_run_that_gets_further_is_not_suspected,
            losing::a_run_that_its_worker_forgot_is_given_back,
            losing::a_cancelled_run_that_kills_its_clean_up_crashes,
            inputs::what_is_given_wakes_the_run,
            inputs::an_input_is_given_once,
            inputs::several_inputs_come_in_any_order,
            inputs::input_may_come_while_the_run_is_executed,
            inputs::input_that_is_not_given_in_time_is_refused,
            inputs::a_run_that_ends_takes_no_input,
            inputs::a_paused_run_goes_on_with_its_input,
            inputs::a_subflow_asks_for_itself,
            inputs::a_new_attempt_keeps_what_was_given,
            inputs::a_suspended_run_survives_its_worker,
            past::each_attempt_keeps_its_worker_and_its_cause,
            past::the_worker_of_a_line_is_known_when_it_is_gone,
            past::who_cleans_up_is_named_at_the_end,
            past::a_wait_says_what_it_is_for,
            past::timers_and_inputs_of_an_attempt_outlive_its_journal,
            past::a_task_run_keeps_each_attempt,
            past::subflows_and_children_are_relatives,
            past::calls_are_read_without_large_values,
            bulk::an_action_reads_back,
            bulk::an_action_is_worked_on_by_one,
            bulk::an_action_is_stopped,
            deleting::a_run_is_deleted_with_all_that_belongs_to_it,
            deleting::only_what_is_over_is_deleted,
            deleting::a_child_lives_on_without_the_run_that_started_it,
            deleting::the_key_of_a_deleted_run_is_free,
            deleting::what_comes_after_a_deleted_run_is_newer,
            deleting::a_deletion_is_told_of,
            texts::large_values_come_back_as_they_were,
            texts::a_value_in_the_form_of_a_reference_comes_back_as_it_was,
            texts::equal_values_stand_apart_once,
            texts::several_large_values_of_a_record_come_back,
            texts::what_is_refused_leaves_no_text,
            texts::a_text_goes_with_the_last_run_that_holds_it,
            texts::a_run_that_watches_holds_what_it_was_told,
            texts::a_subflow_holds_its_own,
            texts::a_new_attempt_inherits_large_values,
            texts::a_large_input_is_asked_for_and_given,
            totals::ends_are_counted_by_time_and_state,
            totals::a_run_is_counted_by_the_end_that_it_has_now,
            totals::subflows_are_counted_under_their_flows,
            reading::a_run_is_found_by_the_beginning_of_its_id_and_by_name,
            reading::children_are_counted_by_state,
            reading::a_task_that_awaits_its_retry_keeps_its_time,
            reading::a_listener_hears_what_concerns_it,
            events::a_run_is_told_of_from_its_creation_to_its_end,
            events::each_line_of_history_is_an_event,
            events::subflows_and_children_are_told_of,
            events::inputs_are_told_of,
            events::what_people_set_up_is_told_of,
            events::what_is_refused_leaves_no_event,
            events::pages_of_any_size_read_the_same,
            events::a_cursor_that_leads_nowhere_is_too_old,
            events::a_long_message_is_cut,
            events::a_listener_is_told_of_every_event,
        }
        $crate::listing_stories!($make);
    };
}

/// The stories of lists, which an engine may end early: see [`Page::next`](crate::Page::next).
#[macro_export]
macro_rules! listing_stories {
    ($make:path) => {
        $crate::stories! { $make,
            listing::runs_are_listed_newest_first,
            listing::runs_are_listed_by_the_names_of_their_states,
            listing::runs_are_listed_by_when_they_were_created,
            listing::runs_are_listed_by_a_text,
            listing::what_is_newer_than_a_place_is_listed,
            listing::a_place_of_another_filter_is_refused,
            listing::a_list_may_leave_out_large_values,
            listing::runs_are_read_by_their_ids,
            listing::counts_stop_at_their_limit,
            listing::what_failed_lately_is_listed_by_its_end,
            listing::the_latest_ends_of_deployments_are_told,
            listing::inputs_of_any_run_are_listed,
            listing::pages_give_the_list_whatever_happens_meanwhile,
            reading::a_journal_is_read_in_parts,
            reading::task_runs_are_replaced_by_id,
            reading::task_runs_are_listed_page_by_page,
            reading::a_log_is_read_from_either_end,
            reading::a_log_goes_on_where_it_ended,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stories {
    ($make:path, $($act:ident :: $story:ident,)*) => {$(
        #[tokio::test]
        async fn $story() {
            let made = $crate::contract::Made::made($make().await);
            // What the engine needs may not be installed.
            let Some((store, _keep)) = made else { return };
            $crate::contract::$act::$story($crate::contract::Cast::on(store).await)
                .await;
        }
    )*};
}
