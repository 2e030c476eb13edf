//! Headroom: a set share of the measured maximum stays free.

/// What may be sent of `max_rps` when the share `keep` is kept free.
pub(super) fn total(max_rps: f64, keep: f64) -> f64 {
    max_rps * (1.0 - keep.clamp(0.0, 1.0))
}
