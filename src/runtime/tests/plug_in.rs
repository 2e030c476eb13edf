//! Rules are one handler among those that are plugged into an event system.

use std::sync::Arc;

use serde_json::json;

use super::stage::play;
use crate::events::{EventSystem, Options, Rules};
use crate::model::event::Priority;
use crate::runtime::control::Control;
use crate::runtime::ports::RuleResult;

#[test]
fn rules_are_one_handler_among_others() {
    let rules = "
event ORDER { n: int }
event BIG { n: int }
rule big {
    on   ORDER
    when event.data.n > 10
    emit BIG(n: event.data.n)
}
";
    play(rules, async |mut stage| {
        let options = Options { clock: stage.clock.clone(), ..Options::default() };
        let system = EventSystem::new(options);
        let control: Arc<dyn Control> = stage.engine.clone();
        system.register_handler(Arc::new(Rules::new(control, ["ORDER", "BIG"])));
        system.start();
        for data in [json!({ "n": 3 }), json!({ "n": 30 }), json!({ "m": 1 })] {
            let event = stage.event("ORDER", data);
            system.publish(event, Priority::new(2).unwrap()).unwrap();
        }
        stage.pass(std::time::Duration::from_secs(1)).await;
        let events = stage.events().await;
        let kinds: Vec<_> =
            events.iter().map(|stored| (stored.event.kind.as_str(), stored.event.priority.level())).collect();
        assert_eq!(kinds, [("ORDER", 2), ("ORDER", 2), ("BIG", 2)]);
        let results: Vec<_> =
            events.iter().filter_map(|stored| Some(stored.outcome.as_ref()?.rules.first()?.result)).collect();
        assert_eq!(results, [RuleResult::Matched], "what does not match is not written down");
        let dead = system.dead_letters();
        assert_eq!((dead.len(), dead[0].attempts), (1, 1), "what rules refuse is not tried again");
        assert!(dead[0].reason.contains("`data."), "{}", dead[0].reason);
    });
}
