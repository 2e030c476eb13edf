use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn cron(text: &str, zone: &str) -> Timing {
    Timing::Cron(Box::new(Cron::new(text, zone).unwrap()))
}

/// The moments after one, on the zone's own clock.
fn following(timing: &Timing, after: &str, count: usize) -> Vec<String> {
    let Timing::Cron(cron) = timing else { panic!("{timing}") };
    let zone = &cron.zone;
    let mut after = at(after);
    let moments = (0..count).map(|_| {
        after = timing.next(after).unwrap();
        jiff::Timestamp::from_millisecond(after.0)
            .unwrap()
            .to_zoned(zone.clone())
            .strftime("%d %H:%M:%S%:z")
            .to_string()
    });
    moments.collect()
}

#[test]
fn a_pattern_goes_by_the_clock_of_its_zone() {
    let weekdays = cron("30 9 * * MON-FRI", "America/New_York");
    assert_eq!(
        following(&weekdays, "2026-01-02T00:00:00Z", 3),
        ["02 09:30:00-05:00", "05 09:30:00-05:00", "06 09:30:00-05:00"]
    );
    let seconds = cron("*/20 0 12 * * *", "UTC");
    assert_eq!(
        following(&seconds, "2026-01-02T12:00:10Z", 3),
        ["02 12:00:20+00:00", "02 12:00:40+00:00", "03 12:00:00+00:00"]
    );
    assert_eq!(following(&cron("@daily", "UTC"), "2026-01-02T12:00:00Z", 1), ["03 00:00:00+00:00"]);
    assert_eq!(
        following(&cron("0 0 L * *", "UTC"), "2026-02-01T00:00:00Z", 2),
        ["28 00:00:00+00:00", "31 00:00:00+00:00"]
    );
}

/// In Zurich 29 March 2026 goes from 02:00 to 03:00.
#[test]
fn what_the_clock_leaves_out_comes_once_right_after_it() {
    let night = "2026-03-27T23:00:00Z";
    assert_eq!(
        following(&cron("30 2 * * *", "Europe/Zurich"), night, 3),
        ["28 02:30:00+01:00", "29 03:00:00+02:00", "30 02:30:00+02:00"]
    );
    assert_eq!(
        following(&cron("0,30 2 * * *", "Europe/Zurich"), "2026-03-28T23:00:00Z", 2),
        ["29 03:00:00+02:00", "30 02:00:00+02:00"],
        "two that are left out come as one"
    );
    assert_eq!(
        following(&cron("0 2,14 * * *", "Europe/Zurich"), "2026-03-28T23:00:00Z", 2),
        ["29 03:00:00+02:00", "29 14:00:00+02:00"]
    );
    // What recurs goes by the time that passes.
    assert_eq!(
        following(&cron("*/30 * * * *", "Europe/Zurich"), "2026-03-29T00:10:00Z", 3),
        ["29 01:30:00+01:00", "29 03:00:00+02:00", "29 03:30:00+02:00"]
    );
    assert_eq!(
        following(&cron("30 * * * *", "Europe/Zurich"), "2026-03-28T23:45:00Z", 2),
        ["29 01:30:00+01:00", "29 03:30:00+02:00"]
    );
}

/// In Zurich 25 October 2026 goes from 03:00 back to 02:00.
#[test]
fn what_the_clock_repeats_comes_once_unless_it_recurs() {
    assert_eq!(
        following(&cron("30 2 * * *", "Europe/Zurich"), "2026-10-23T23:00:00Z", 3),
        ["24 02:30:00+02:00", "25 02:30:00+02:00", "26 02:30:00+01:00"]
    );
    let list = cron("0,30 2 * * *", "Europe/Zurich");
    assert_eq!(
        following(&list, "2026-10-24T23:40:00Z", 3),
        ["25 02:00:00+02:00", "25 02:30:00+02:00", "26 02:00:00+01:00"]
    );
    // Seen from the second pass, at a quarter past two.
    assert_eq!(list.previous(at("2026-10-25T01:15:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(list.next(at("2026-10-25T01:15:00Z")), Some(at("2026-10-26T01:00:00Z")));
    assert_eq!(
        following(&cron("*/30 * * * *", "Europe/Zurich"), "2026-10-24T23:40:00Z", 5),
        ["25 02:00:00+02:00", "25 02:30:00+02:00", "25 02:00:00+01:00", "25 02:30:00+01:00", "25 03:00:00+01:00"]
    );
    assert_eq!(
        following(&cron("30 * * * *", "Europe/Zurich"), "2026-10-24T23:40:00Z", 3),
        ["25 02:30:00+02:00", "25 02:30:00+01:00", "25 03:30:00+01:00"]
    );
}

#[test]
fn an_interval_counts_from_1970() {
    let timing = Timing::Every(Duration::from_mins(5));
    assert_eq!(timing.next(at("2026-01-02T12:03:07.5Z")), Some(at("2026-01-02T12:05:00Z")));
    assert_eq!(timing.next(at("2026-01-02T12:05:00Z")), Some(at("2026-01-02T12:10:00Z")));
    assert_eq!(timing.previous(at("2026-01-02T12:05:00Z")), Some(at("2026-01-02T12:00:00Z")));
    assert_eq!(timing.previous(at("2026-01-02T12:05:00.001Z")), Some(at("2026-01-02T12:05:00Z")));
    assert_eq!((timing.next(Timestamp(i64::MAX)), timing.previous(Timestamp(i64::MIN))), (None, None));
}

#[test]
fn an_event_is_named_by_its_occurrence() {
    let schedule = Schedule {
        name: "nightly".into(),
        timing: cron("30 2 * * *", "Europe/Zurich"),
        event: "RETEST_DUE".to_owned(),
        target: Some("checkout".into()),
        data: serde_json::json!({ "signature": "sha256:abc" }),
        catch_up: CatchUp::Last,
    };
    insta::assert_json_snapshot!(schedule.event_at(at("2026-03-29T01:00:00Z")));
}

#[test]
fn what_is_no_pattern_is_told() {
    let texts = [
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "0 0 * * MOO",
        "0 60 * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "a b c d e",
        "@every 5m",
        "@reboot",
        "@Daily x",
        "0 0 30 2 *",
        "0 0 31 4,6 *",
        "١ * * * *",
    ];
    let told: Vec<String> = texts
        .iter()
        .map(|text| format!("{text:?}: {}", pattern(text).map_or_else(|why| why, |_| "right".to_owned())))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    for name in NAMED {
        assert!(pattern(name).is_ok() && pattern(&name.to_uppercase()).is_ok(), "{name}");
    }
}

#[test]
fn what_is_no_time_zone_is_told() {
    assert_eq!(
        zone("Europe/Zürich").unwrap_err(),
        "there is no time zone `Europe/Zürich`; did you mean `Europe/Zurich`?"
    );
    assert_eq!(zone("").unwrap_err(), "there is no time zone ``");
    assert!(zone("UTC").is_ok() && zone("europe/zurich").is_ok());
}

proptest! {
    /// From anywhere: what comes next was, seen from just after it, the last to come; and nothing is passed over.
    #[test]
    fn forwards_and_backwards_are_the_same_moments(
        pattern in prop::sample::select(vec![
            "30 2 * * *", "0,15,45 1-3 * * *", "*/7 * * * *", "0 */5 * * *", "15 1-3 * 3,10 SUN", "*/13 * * * * *", "0 0 29 2 *", "59 23 L * *",
        ]),
        zone in prop::sample::select(vec!["UTC", "Europe/Zurich", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"]),
        // 2020 to 2036.
        start in 1_577_836_800_000_i64..2_082_758_400_000,
    ) {
        let timing = cron(pattern, zone);
        let start = Timestamp(start);
        let next = timing.next(start).unwrap();
        prop_assert!(next > start);
        prop_assert_eq!(timing.previous(Timestamp(next.0 + 1)), Some(next));
        let previous = timing.previous(next).unwrap();
        prop_assert!(previous <= start, "{} is passed over", previous);
        prop_assert_eq!(timing.next(previous), Some(next));
    }

    #[test]
    fn no_text_is_a_panic(text in "[0-9*/,#LWA-Za-z@?+ -]{0,24}", zone_name in "\\PC{0,20}", at in any::<i64>()) {
        let _ = zone(&zone_name);
        if let Ok(cron) = Cron::new(&text, "Europe/Zurich") {
            let _ = (cron.next(Timestamp(at)), cron.previous(Timestamp(at)));
        }
    }
}
