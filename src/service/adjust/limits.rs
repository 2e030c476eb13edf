//! Floors, ceilings, the largest step, and what is too little a change to be made.

use crate::model::target::RateSettings;

/// Holds a wanted total against the target's limits.
///
/// A fall is never limited. A rise is, by `max_step` of the current rate, or of the floor where that is higher: so the floor
/// is where a target that was throttled down starts again.
pub(super) fn limited(rate: &RateSettings, current: Option<f64>, wanted: f64) -> f64 {
    let highest = match (rate.max_step, current) {
        (Some(step), Some(current)) => {
            let from = current.max(rate.floor_rps);
            // From nothing no share leads anywhere.
            if from > 0.0 { from * (1.0 + step) } else { rate.initial_rps }
        }
        _ => f64::INFINITY,
    };
    wanted.min(highest).min(rate.ceiling_rps).max(0.0)
}

/// Whether the way from one rate to the other is worth a command to every agent.
pub(super) fn is_worth(current: Option<f64>, wanted: f64, hysteresis: f64) -> bool {
    match current {
        Some(current) if current > 0.0 => (wanted / current - 1.0).abs() >= hysteresis,
        Some(_) => wanted > 0.0,
        None => true,
    }
}
