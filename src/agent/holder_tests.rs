use proptest::prelude::*;

use super::{Holder, Order, Standing};
use crate::model::assignment::{Answer, Epoch};

fn epoch(sequence: u64) -> Epoch {
    Epoch { incarnation: 1, token: 1, sequence }
}

fn order(id: &str, epoch: Epoch, rate_rps: f64) -> Order {
    Order {
        command_id: id.to_owned(),
        epoch,
        rate_rps,
        fallback_rps: 5.0,
        time_to_live_ms: 1_000,
        ends_at_ms: u64::MAX,
        enforce: true,
    }
}

fn rate(holder: &Holder, now_ms: u64) -> Option<f64> {
    holder.allowance(now_ms).rate_rps
}

#[test]
fn before_the_first_command_only_the_initial_rate_passes() {
    assert_eq!(rate(&Holder::new(None), 0), Some(0.0));
    assert_eq!(rate(&Holder::new(Some(50.0)), 0), Some(50.0));
    assert_eq!(Holder::new(Some(50.0)).allowance(9).standing, Standing::Initial);
}

#[test]
fn a_target_that_is_observed_is_not_limited_before_the_first_command() {
    let mut holder = Holder::new(None);
    holder.welcomed(false);
    assert_eq!(rate(&holder, 0), None);
    assert!(!holder.allowance(0).enforce);
    holder.apply(&order("a", epoch(1), 10.0), 0);
    holder.welcomed(false);
    assert!(holder.allowance(0).enforce);
}

#[test]
fn a_command_that_ends_leaves_the_fallback() {
    let mut holder = Holder::new(Some(50.0));
    assert_eq!(holder.apply(&order("a", epoch(1), 100.0), 500), Answer::Applied);
    assert_eq!(holder.allowance(1_499).until_ms, Some(1_500));
    assert_eq!(rate(&holder, 1_499), Some(100.0));
    assert_eq!(rate(&holder, 1_500), Some(5.0));
    assert_eq!(holder.allowance(1_500).standing, Standing::Fallback);
}

#[test]
fn a_command_that_was_long_under_way_holds_no_longer_than_the_engine_reckons() {
    let mut holder = Holder::new(None);
    holder.apply(&Order { ends_at_ms: 700, ..order("a", epoch(1), 100.0) }, 600);
    assert_eq!(rate(&holder, 699), Some(100.0));
    assert_eq!(rate(&holder, 700), Some(5.0));
    holder.apply(&Order { ends_at_ms: 700, ..order("b", epoch(2), 100.0) }, 900);
    assert_eq!(rate(&holder, 900), Some(5.0));
}

#[test]
fn an_older_epoch_is_refused_whichever_part_is_older() {
    let mut holder = Holder::new(None);
    let newest = Epoch { incarnation: 2, token: 2, sequence: 2 };
    holder.apply(&order("a", newest, 100.0), 0);
    for older in [
        Epoch { incarnation: 1, token: 9, sequence: 9 },
        Epoch { incarnation: 2, token: 1, sequence: 9 },
        Epoch { incarnation: 2, token: 2, sequence: 1 },
        newest,
    ] {
        assert_eq!(holder.apply(&order("b", older, 7.0), 0), Answer::Refused { highest: newest }, "{older:?}");
    }
    assert_eq!(rate(&holder, 0), Some(100.0));
}

#[test]
fn a_renewal_holds_longer_and_a_repetition_does_not() {
    let mut holder = Holder::new(None);
    holder.apply(&order("a", epoch(1), 100.0), 0);
    assert_eq!(holder.apply(&order("a", epoch(1), 100.0), 900), Answer::Repeated);
    assert_eq!(rate(&holder, 1_000), Some(5.0));
    assert_eq!(holder.apply(&order("a", epoch(2), 100.0), 1_200), Answer::Repeated);
    assert_eq!(rate(&holder, 2_199), Some(100.0));
    assert_eq!(holder.apply(&order("a", epoch(1), 100.0), 2_200), Answer::Repeated);
    assert_eq!(rate(&holder, 2_200), Some(5.0));
}

#[test]
fn a_name_used_again_for_another_rate_is_another_command() {
    let mut holder = Holder::new(None);
    holder.apply(&order("a", epoch(1), 100.0), 0);
    assert_eq!(holder.apply(&order("a", epoch(2), 60.0), 0), Answer::Applied);
    assert_eq!(rate(&holder, 0), Some(60.0));
}

#[test]
fn one_who_leaves_passes_nothing_more() {
    let mut holder = Holder::new(Some(50.0));
    holder.welcomed(false);
    holder.leave();
    holder.apply(&order("a", epoch(1), 100.0), 0);
    assert_eq!(rate(&holder, 0), Some(0.0));
    assert!(holder.allowance(0).enforce);
}

proptest! {
    /// However commands are reordered and repeated on their way, the highest epoch wins and none is applied twice.
    #[test]
    fn delivery_in_any_order_ends_at_the_highest_epoch(
        order_of_delivery in prop::collection::vec(1..12_u64, 1..40),
    ) {
        let mut holder = Holder::new(None);
        let mut applied = Vec::new();
        for sequence in &order_of_delivery {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let command = order(&format!("c{sequence}"), epoch(*sequence), *sequence as f64);
            if holder.apply(&command, 0) == Answer::Applied {
                applied.push(*sequence);
            }
        }
        let highest = *order_of_delivery.iter().max().unwrap();
        prop_assert!(applied.is_sorted_by(|a, b| a < b), "{applied:?}");
        prop_assert_eq!(holder.held().unwrap().epoch, epoch(highest));
    }

    /// An agent that hears nothing more never holds more than the fallback after the time to live.
    #[test]
    fn silence_ends_in_the_fallback(
        commands in prop::collection::vec((1..12_u64, 0.0..500.0_f64, 0..5_000_u64), 1..20),
    ) {
        let mut holder = Holder::new(Some(50.0));
        let mut now = 0;
        for (sequence, rate_rps, wait) in &commands {
            now += wait;
            holder.apply(&order(&format!("{sequence}"), epoch(*sequence), *rate_rps), now);
        }
        prop_assert!(rate(&holder, now + 1_000).unwrap() <= 5.0);
    }
}
