//! The settings of a target's strategy: those that all share, and its own. One of another strategy would have no effect, and is told.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{Builder, Given, Scope};
use crate::base::span::Span;
use crate::config::check;
use crate::config::show::Setting;
use crate::config::values::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::strategy::{Split, Strategy, StrategyName, StrategySettings};

/// Settings that only one strategy reads.
pub(in crate::config) const OWN: [(&str, StrategyName); 11] = [
    ("strategy.max_age", StrategyName::Headroom),
    ("strategy.increase", StrategyName::Aimd),
    ("strategy.backoff", StrategyName::Aimd),
    ("strategy.setpoint", StrategyName::Pid),
    ("strategy.proportional", StrategyName::Pid),
    ("strategy.integral", StrategyName::Pid),
    ("strategy.derivative", StrategyName::Pid),
    ("strategy.tolerance", StrategyName::Gradient),
    ("strategy.smoothing", StrategyName::Gradient),
    ("strategy.explore", StrategyName::Learning),
    ("strategy.learn", StrategyName::Learning),
];

impl Builder<'_> {
    pub(super) fn strategy(&mut self, scope: &Scope<'_>, diagnostics: &mut Diagnostics) -> StrategySettings {
        let given = self.text(scope, "strategy.name");
        let name = StrategyName::ALL.into_iter().find(|name| name.as_str() == given.value);
        let name = name.unwrap_or(StrategyName::Headroom);
        if given.is_known {
            self.others(scope, name, diagnostics);
        }
        let keep = self.checked(scope, "strategy.keep", 0.0..=0.95, diagnostics);
        let every = self.duration(scope, "strategy.every");
        let shortest = Given::fixed(std::time::Duration::from_millis(250));
        check::at_least("strategy.every", &every, &shortest, "agents report that often", diagnostics);
        let hysteresis = self.checked(scope, "strategy.hysteresis", 0.0..=0.5, diagnostics);
        let patience = self.duration(scope, "strategy.patience");
        let decay = self.checked(scope, "strategy.decay", 0.0..=0.9, diagnostics);
        let kind = match name {
            StrategyName::Headroom => Strategy::Headroom { max_age: self.duration(scope, "strategy.max_age").value },
            StrategyName::Aimd => Strategy::Aimd {
                increase: self.checked(scope, "strategy.increase", 0.000_1..=0.05, diagnostics),
                backoff: self.checked(scope, "strategy.backoff", 0.5..=0.999, diagnostics),
            },
            StrategyName::Pid => Strategy::Pid {
                setpoint: self.checked(scope, "strategy.setpoint", 0.01..=0.8, diagnostics),
                proportional: self.checked(scope, "strategy.proportional", 0.0..=2.0, diagnostics),
                integral: self.checked(scope, "strategy.integral", 0.001..=1.0, diagnostics),
                derivative: self.checked(scope, "strategy.derivative", 0.0..=2.0, diagnostics),
            },
            StrategyName::Gradient => Strategy::Gradient {
                tolerance: self.checked(scope, "strategy.tolerance", 1.0..=10.0, diagnostics),
                smoothing: self.checked(scope, "strategy.smoothing", 0.01..=1.0, diagnostics),
            },
            StrategyName::Learning => Strategy::Learning {
                explore: self.checked(scope, "strategy.explore", 0.0..=0.5, diagnostics),
                rate: self.checked(scope, "strategy.learn", 0.001..=1.0, diagnostics),
            },
        };
        let split = self.split(scope, diagnostics);
        StrategySettings { kind, keep, every: every.value, hysteresis, patience: patience.value, decay, split }
    }

    fn split(&mut self, scope: &Scope<'_>, diagnostics: &mut Diagnostics) -> Split {
        let name = self.text(scope, "strategy.split");
        let mut weights = BTreeMap::new();
        for prefix in [vec!["defaults"], scope.prefix.clone()] {
            for (path, found) in self.below(prefix.iter().chain(&["strategy", "weights"])) {
                if let (Some(agent), Value::Count(weight)) = (path.last(), &found.value) {
                    weights.insert(agent.clone(), (*weight, found.span));
                }
            }
        }
        for (agent, (weight, span)) in &weights {
            let path = [&scope.prefix.join("."), "strategy.weights", agent].join(".");
            self.settings.push(Setting { path, value: Some(weight.to_string()), source: self.origin(*span) });
        }
        match (name.value.as_str(), weights.values().next()) {
            ("fair", _) => Split::Fair,
            ("weighted", _) => {
                #[expect(clippy::cast_precision_loss, reason = "weights are small")]
                let weight = |(agent, (weight, _)): (String, (u64, Span))| (agent.as_str().into(), weight as f64);
                Split::Weighted(weights.into_iter().map(weight).collect())
            }
            (_, Some((_, span))) if name.is_known && scope.prefix.first() == Some(&"targets") => {
                diagnostics.push(
                    Diagnostic::error(Code::BadSetting, *span, "weights are read by `split: weighted` only")
                        .help("set `strategy.split` to `weighted`, or leave the weights out"),
                );
                Split::Equal
            }
            _ => Split::Equal,
        }
    }

    fn checked(
        &mut self,
        scope: &Scope<'_>,
        path: &'static str,
        bounds: RangeInclusive<f64>,
        diagnostics: &mut Diagnostics,
    ) -> f64 {
        let given = self.share(scope, path);
        check::share(path, &given, bounds, diagnostics);
        given.value
    }

    /// Tells of settings that the target gives itself and that its strategy does not read. `defaults` may hold those of several.
    fn others(&self, scope: &Scope<'_>, name: StrategyName, diagnostics: &mut Diagnostics) {
        if scope.prefix.first() != Some(&"targets") {
            return;
        }
        for (path, of) in OWN.iter().filter(|(_, of)| *of != name) {
            let full: Vec<String> = scope.prefix.iter().copied().chain(path.split('.')).map(str::to_owned).collect();
            let Some(span) = self.given(&full).and_then(|given| given.span) else { continue };
            let own: Vec<String> =
                OWN.iter().filter(|(_, of)| *of == name).map(|(path, _)| format!("`{path}`")).collect();
            let message = format!("`{path}` is read by `{}`, and the strategy is `{}`", of.as_str(), name.as_str());
            diagnostics.push(Diagnostic::error(Code::BadSetting, span, message).help(format!(
                "leave it out, or name that strategy; `{}` reads {}",
                name.as_str(),
                own.join(", ")
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn a_default_is_what_the_strategies_were_tuned_to() {
        let written = |path: &str| keys::find(keys::TARGET, path).map(|key| key.default);
        for (path, _) in OWN {
            assert!(matches!(written(path), Some(keys::Fallback::Is(_))), "{path}");
        }
    }
}
